"""``python -m bench`` runs the command ``ganbench``."""

from bench.command import main

if __name__ == "__main__":
    main()
