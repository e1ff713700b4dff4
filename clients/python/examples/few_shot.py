"""Classify by likelihood from a few examples, without training: python few_shot.py [host:port]."""

import os
import sys

from quadrille_client import Client

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
EXAMPLES = (
    ("The soup was wonderful.", "good"),
    ("I waited for an hour.", "bad"),
    ("Friendly people!", "good"),
)
LABELS = ("good", "bad")


def main() -> None:
    """Score each label after the examples; the likeliest one wins. Constrained generation must agree in form."""
    shots = "".join(f"Review: {text}\nVerdict: {label}\n\n" for text, label in EXAMPLES)
    with Client(ADDRESS) as client:
        for review in ("The plate was cold.", "I will come again!"):
            prompt = f"{shots}Review: {review}\nVerdict:"
            scores = client.score([f" {label}" for label in LABELS], prompt=prompt)
            best = max(zip(LABELS, scores, strict=True), key=lambda pair: pair[1].logprob)
            print(
                f"{review} -> {best[0]}",
                {k: round(s.logprob, 2) for k, s in zip(LABELS, scores, strict=True)},
            )
            said = client.generate(prompt, choice=[f" {label}" for label in LABELS], temperature=0.0)
            print(f"  generated under the same choice: {said.text.strip()}")


if __name__ == "__main__":
    main()
