"""How relevant what retrieval finds is: by words, by vectors and by both, and how well chunks fit the evidence."""
