"""Requests that their callers named: answered once, followed by whoever asks again, resumed where a reader left."""
