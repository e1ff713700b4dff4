"""How well the starter models answer from documents, and how often documents with orders in them are obeyed."""
