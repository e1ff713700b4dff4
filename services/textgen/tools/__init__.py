"""Calls of tools: checked, forced by a grammar, and read out of what a model writes."""
