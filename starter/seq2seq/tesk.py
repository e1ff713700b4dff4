"""Tesk, a small constructed language, and English sentences with their translation.

- The verb comes first, then the object, the subject, and where it happens; what says when comes before the verb:
  *The farmer saw a bird yesterday* is *yesterday saw bird farmer*.
- Endings follow a hyphen. A noun takes the vowel of its gender (u: living, e: things, o: thoughts), then s in the
  plural, k if definite, n as an object. Its adjectives follow it and take vowel, s and n, too. A number comes last
  and leaves the noun in the singular.
- Verbs take a (present), o (past) or i (future), then their subject's ending: m (I), l (you), mt (we), t (any other
  plural). `na` before the verb denies it; `ka` ends a question.
- Prepositions follow what they belong to. Made-up names are kept; as objects they take n.
- Of two clauses, the one after *because* or *while* comes first, and the conjunction leads.
"""

from __future__ import annotations

import random

from .clauses import clause
from .example import LENGTHS, PATTERNS, Example, compose, held_out
from .phrases import Speaker

PREFIX = "translate English to Tesk: "
MOST_WORDS = 15  # of the English, in training


def sample_translation(rng: random.Random, *, held_out_names: bool = False) -> Example:
    """One sentence, held out or not: `Example.held` tells."""
    speaker = Speaker(rng, held_out_names=held_out_names)
    asks = rng.random() < 0.2
    english, tesk, pattern = clause(rng, speaker, asks=asks)
    conjunction = ""
    if not asks and rng.random() < 0.4:
        word, key = speaker.word("conjunction")
        conjunction = word.forms[0]
        more, more_tesk, more_pattern = clause(rng, speaker, asks=False)
        english = [*english, (f" {conjunction}", key), *more]
        joint = [(f" {word.stem}", key)]
        if conjunction in ("because", "while"):
            tesk = [*joint, *more_tesk, (",", ""), *tesk]
        else:
            tesk = [*tesk, *joint, *more_tesk]
        pattern += more_pattern
    if held_out("pattern", conjunction, *pattern):
        speaker.held.add(PATTERNS)
    if len(english) > MOST_WORDS:
        speaker.held.add(LENGTHS)
    mark = "?" if asks else "."
    first, key = english[0]
    english = [(first[1:2].upper() + first[2:], key), *english[1:], (mark, "")]
    tesk = [(tesk[0][0][1:], tesk[0][1]), *tesk[1:], (" ka?" if asks else ".", "")]
    return compose(PREFIX, english, tesk, speaker.held)
