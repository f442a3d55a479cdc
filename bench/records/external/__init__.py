"""Runs that other code trained: ``Recorder`` and ``ganbench import`` turn them into records."""
