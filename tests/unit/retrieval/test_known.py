import math
from datetime import UTC, datetime

import numpy as np
from retrieval.domain import EVERYTHING, Collection, CollectionSpec, Effort
from retrieval.known import Known, KnownCollections

COLLECTION = Collection(1, "t", CollectionSpec("c", 2), 0, 0, 1, datetime.now(UTC))
BOB = frozenset({"principal:bob"})


def known(version: int, *, is_open: bool = True) -> Known:
    return Known(version, 0, COLLECTION, 7, is_open)


def test_what_is_known_holds_for_one_version_name_and_tenant() -> None:
    collections = KnownCollections()
    collections.put("t", "c", known(3))
    assert collections.get("t", "c", 3) == known(3)
    for tenant, name, version in (("t", "c", 4), ("u", "c", 3), ("t", "d", 3)):
        assert collections.get(tenant, name, version) is None


def test_names_that_come_and_go_take_no_memory_for_ever() -> None:
    collections = KnownCollections()
    for number in range(5000):
        collections.put("t", str(number), known(1))
    assert collections.get("t", "4999", 1) is not None
    assert len(collections._kept) <= 1024


def test_what_is_seen_again_drives_out_nothing() -> None:
    collections = KnownCollections()
    for number in [*range(1024), 1023]:
        collections.put("t", str(number), known(1))
    assert collections.get("t", "0", 1) is not None


def test_the_least_time_of_a_shape_counts() -> None:
    timed = known(1).timed((None, 10, None), 0.5).timed((None, 10, None), 0.2).timed((None, 10, None), 0.4)
    assert timed.seconds((None, 10, None)) == 0.2
    for untimed in ((None, 11, None), (Effort.EXACT, 10, None), (None, 10, "a filter")):
        assert timed.seconds(untimed) == math.inf


def test_what_a_filter_lets_through_is_known_while_somebody_keeps_it() -> None:
    allowed = np.arange(3)
    seen = known(1).filtered("a filter", allowed)
    assert seen.let_through("a filter") is allowed
    assert seen.let_through("another") is None
    del allowed
    assert seen.let_through("a filter") is None


def test_filters_that_come_and_go_take_no_memory_for_ever() -> None:
    seen, sets = known(1), [np.arange(number) for number in range(200)]
    for number, allowed in enumerate(sets):
        seen = seen.filtered(str(number), allowed).timed((None, 10, str(number)), 0.1)
    assert seen.let_through("199") is sets[199]
    assert (seen.let_through("0"), len(seen.allowed), len(seen.query_s)) == (None, 64, 64)


def test_who_may_read_all_of_it() -> None:
    assert known(1).shows_all(BOB)
    assert not known(1, is_open=False).shows_all(BOB)
    assert known(1, is_open=False).shows_all(EVERYTHING)


def test_what_is_forgotten_is_not_known() -> None:
    collections = KnownCollections()
    collections.put("t", "c", known(3))
    collections.forget()
    assert collections.get("t", "c", 3) is None
