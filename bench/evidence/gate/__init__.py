"""The gate: is a candidate worse than its baseline? Tests, decision, and how it is reported."""
