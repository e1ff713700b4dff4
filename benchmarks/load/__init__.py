"""Open-loop load: requests come when people sent them, whether or not earlier ones have been answered."""
