"""The playground: a page at /, and the plain JSON and SSE that it speaks beside OpenAI's, under /api."""
