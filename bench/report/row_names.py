"""Words that stand in tables and are looked for again where tables are shown."""

REAL = "real data"
UNTRAINED = "untrained"
PUBLISHED = "published: "
FAILED = "failed"
FAILURES = "failures"
SPEED = "steps/s"
