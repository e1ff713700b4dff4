"""The starter language model: quotes passages with citations, in the layout of a Llama checkpoint."""
