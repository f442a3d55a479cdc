"""What a run leaves behind: its schema, its file, and the frames made of many. Nothing here loads torch."""
