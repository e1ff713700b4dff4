"""The OpenAI-compatible HTTP door, health and metrics."""
