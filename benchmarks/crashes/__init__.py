"""Kills the retrieval service over and over while clients write, and compares what is left with a ledger."""
