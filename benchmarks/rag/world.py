"""Questions of the kind that the starter model learned: facts about made-up names that it never saw."""

import random
from collections.abc import Iterator

from quadrille_cli.evaluation.dataset import Place, Question
from quadrille_cli.evaluation.formats import DOCUMENTS, Group

from starter.text.relations import sample_fact

FACTS = 4  # of a document; the question is about one of them


def world(count: int, seed: str = "rag") -> Iterator[Group]:
    """So many documents with a question each; right is the fact's sentence, or what it says in a few words."""
    rng = random.Random(seed)
    for number in range(count):
        facts = [sample_fact(rng, held_out=True) for _ in range(FACTS)]
        place = rng.randrange(FACTS)
        asked, name = facts[place], f"{number:03}.txt"
        start = len("".join(f"{each.sentence} " for each in facts[:place]).encode())
        span = Place(f"{DOCUMENTS}/{name}", start, start + len(asked.sentence.encode()))
        question = Question(f"world-{number}", asked.question, (asked.value, asked.sentence), (span,))
        yield Group({name: " ".join(each.sentence for each in facts)}, (question,))
