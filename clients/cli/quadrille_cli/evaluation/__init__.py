"""How well a gateway answers from documents: questions whose answers are known, asked and judged."""
