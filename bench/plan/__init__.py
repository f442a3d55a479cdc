"""From a suite file to runs and packs, decided before anything is trained. Nothing here loads torch."""
