"""How an answer agrees with right ones. Pure.

Source: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, and its evaluation
script, for normalisation, exact match and F1; containment is the "EM recall" of Gao et al., "Enabling Large Language
Models to Generate Text with Citations" (ALCE), EMNLP 2023.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKERS = re.compile(r"\[\s?\d{1,3}(?:\s?,\s?\d{1,3})*\s?\]")


def without_markers(answer: str) -> str:
    """The answer without its citation markers."""
    return " ".join(_MARKERS.sub(" ", answer).split())


def normalised(text: str) -> str:
    """In lower case, without punctuation, articles and superfluous space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, right: Sequence[str]) -> float:
    """1 where the answer is one of the right ones, once normalised."""
    return float(any(normalised(answer) == normalised(each) for each in right))


def f1(answer: str, right: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of words, by the right answer that gives most."""
    return max(_f1(normalised(answer).split(), normalised(each).split()) for each in right)


def contained(answer: str, right: Sequence[str]) -> float:
    """1 where the words of a right answer stand in the answer, side by side."""
    said = f" {normalised(answer)} "
    return float(any(f" {normalised(each)} " in said for each in right if normalised(each)))


def _f1(said: Sequence[str], right: Sequence[str]) -> float:
    if not said or not right:
        return float(said == right)
    common = (Counter(said) & Counter(right)).total()
    return 2 * common / (len(said) + len(right))
