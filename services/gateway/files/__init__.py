"""Files, and vector stores made of them: documents and collections of the caller's tenant, nothing besides."""
