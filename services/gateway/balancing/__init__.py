"""Which of several servers answers a call, and what happens when one of them does not."""
