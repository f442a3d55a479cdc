"""From records to conclusions: outcomes, statistics and the gate. Nothing here loads torch."""
