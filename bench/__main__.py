"""``python -m bench`` is ``ganbench``."""

from bench.command import main

if __name__ == "__main__":
    main()
