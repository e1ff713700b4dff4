"""What the gateway speaks of, free of any wire format."""
