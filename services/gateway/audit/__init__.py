"""Who asked what of the gateway, and how it ended; never what was said."""
