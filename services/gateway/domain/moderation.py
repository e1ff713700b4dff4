"""What a moderator says of a text."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """How likely a text is of each category that the moderator knows, 0 to 1, and those that it says it is of.

    Categories have OpenAI's names where OpenAI has them.
    """

    scores: Mapping[str, float]
    flagged: frozenset[str]
