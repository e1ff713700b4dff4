"""Ports to the models (base) and the adapters that load and run them with torch."""
