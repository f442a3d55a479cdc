"""The version of ganbench."""

__version__ = "0.1.0"
