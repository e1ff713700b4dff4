import random
from dataclasses import replace

import pytest
from retrieval import failpoints

from benchmarks.crashes import content
from benchmarks.crashes.plan import kills


def test_every_failpoint_has_its_turn() -> None:
    planned = list(kills(failpoints.NAMES, 100, 2.0, random.Random(1)))
    assert len(planned) == 100
    armed = [kill.failpoint for kill in planned if kill.failpoint]
    assert len(armed) == 50
    assert {name.partition("=")[0] for name in armed} == failpoints.NAMES
    failpoints.check(tuple(armed))
    assert planned[0].failpoint == "migrate.before_commit=kill"
    moments = [kill for kill in planned if not kill.failpoint]
    assert {kill.action for kill in moments} == {"write", "snapshot", "compact", "repair", "restore"}
    assert all(0 < kill.after_s <= 2.0 for kill in moments)
    assert any(kill.early for kill in moments)


def test_a_document_is_whole_or_not() -> None:
    document = content.document("k", 5)
    assert content.is_whole(document, 5)
    assert not content.is_whole(document, 6)
    assert not content.is_whole(replace(document, chunks=document.chunks[:-1]), 5)
    assert not content.is_whole(replace(document, text=document.text[:-1]), 5)
    first, *rest = document.chunks
    bent = replace(first, vector=[first.vector[0] + 1e-6, *first.vector[1:]])
    assert not content.is_whole(replace(document, chunks=(bent, *rest)), 5)


@pytest.mark.parametrize("generation", range(5))
def test_generations_differ(generation: int) -> None:
    ours, next_ = content.document("k", generation), content.document("k", generation + 1)
    assert ours.text != next_.text
    assert len(ours.chunks) == content.chunk_count(generation) != len(next_.chunks)
