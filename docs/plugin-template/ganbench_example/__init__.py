"""A loss for ganbench."""
