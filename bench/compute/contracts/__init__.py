"""A dry check of the code of other packages before anything trains: one message per plug-in, with what was expected."""
