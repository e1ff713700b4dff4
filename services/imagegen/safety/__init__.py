"""The safety filter: an optional port that flags images."""
