"""The demo: a whole stack from start to stop, each of its abilities shown once."""
