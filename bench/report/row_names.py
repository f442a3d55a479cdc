"""Names of rows and columns that the terminal recognises in formatted tables."""

REAL = "real data"
UNTRAINED = "untrained"
PUBLISHED = "published: "
FAILED = "failed"
FAILURES = "failures"
SPEED = "steps/s"
