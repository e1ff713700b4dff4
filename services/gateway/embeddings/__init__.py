"""Vectors that were made before, of the same text by the same model for the same tenant."""
