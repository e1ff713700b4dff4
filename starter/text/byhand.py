"""Questions written by hand, in words and of a form that the training text does not have."""

from __future__ import annotations

from .grounded import Example
from .passages import Passage


def _example(question: str, sentences: tuple[str, ...], right: int) -> Example:
    passage = Passage("Notes", sentences, (" ",) * len(sentences))
    answer = f"{sentences[right]} [1]"
    return Example((("user", question),), (passage,), answer, (0, right), sentences[right])


BY_HAND = (
    _example(
        "Which port does the gateway listen on?",
        ("The gateway listens on port 50050.", "It proxies every other service."),
        0,
    ),
    _example(
        "How long is the grace period?",
        ("Draining is graceful.", "The grace period is 20 seconds by default."),
        1,
    ),
    _example(
        "Where are snapshots kept?",
        ("Collections live in SQLite.", "Snapshots are kept in the data directory."),
        1,
    ),
    _example(
        "What does make demo do?",
        ("make demo starts the four services.", "make test runs all tests."),
        0,
    ),
    _example(
        "Which index does retrieval use?",
        ("Images are PNG files.", "Retrieval uses a flat FAISS index."),
        1,
    ),
    _example(
        "Who wrote the scheduler?",
        ("The scheduler was written by Mara Lindqvist in Uppsala.", "It is pure."),
        0,
    ),
    _example(
        "What is reciprocal rank fusion?",
        ("Reciprocal rank fusion joins two rankings.", "Tokens are streamed."),
        0,
    ),
    _example(
        "How are errors reported?",
        ("Health is watched.", "Errors are reported as google.rpc.Status."),
        1,
    ),
    _example(
        "When does a cancelled request leave the batch?",
        ("A cancelled request leaves the batch at once.", "Seeds are kept."),
        0,
    ),
    _example(
        "What are the weights stored as?",
        ("The cache has blocks.", "Weights are stored as safetensors only."),
        1,
    ),
)
