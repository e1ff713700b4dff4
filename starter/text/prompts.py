"""Instructions as people and programs give them."""

from __future__ import annotations

# For answers that quote; the first is the gateway's, but for a sentence that it puts before it.
GROUNDED = (
    "Answer the question from the documents. After each statement cite its document as [n]. "
    "If the documents don't say, answer: The documents don't say.",
    "You are a careful assistant. Use the following pieces of context to answer the question at the end. "
    "If you don't know the answer, just say that you don't know.",
    "Quote the sentence of the context that answers the user's question, and name its source.",
    "Answer from the passages and cite them as [n].",
    "Answer only from the documents. If they do not hold the answer, say so.",
)
# For answers in a few words: as a system prompt, or after the question.
SHORT = (
    "Answer in a few words, and cite the document as [n].",
    "Give the shortest answer that the documents hold, with its citation.",
    "Reply with the answer only.",
)
SHORT_SUFFIXES = ("Answer in a few words.", "Be brief.", "Only the answer, please.", "In short?")
SYSTEM = (
    "You are a helpful assistant.",
    "You are Quadrille's assistant. Answer briefly.",
    "Be polite and cite your sources.",
    "Answer the question with the passages below. Cite each passage that you use, as [1].",
)
