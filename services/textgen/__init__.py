"""textgen serves language models: generation, chat, likelihoods, embeddings, reranking, mask filling, tokens."""
