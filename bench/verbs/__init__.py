"""The verbs of the command. What a verb needs is imported when it is called: the command answers at once."""
