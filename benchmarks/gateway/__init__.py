"""What the gateway adds to a call, beside LiteLLM's proxy, and what it still answers when too much is asked."""
