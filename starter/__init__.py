"""Recipes that train the small models Quadrille ships with."""
