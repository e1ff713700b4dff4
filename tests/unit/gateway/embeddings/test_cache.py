from collections import OrderedDict

from gateway.embeddings.cache import CacheMetrics, Made, VectorCache
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry


def cache(most_bytes):
    return VectorCache(most_bytes, CacheMetrics(CollectorRegistry()))


def size(made):
    return len(made.values) + 256


KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
STEPS = st.lists(st.tuples(st.sampled_from(("keep", "find")), KEYS, st.integers(0, 300)))


@given(STEPS, st.integers(0, 1500))
def test_what_was_used_last_is_kept_within_bounds(steps, most_bytes):
    kept, model = cache(most_bytes), OrderedDict()
    for number, (kind, key, length) in enumerate(steps):
        if kind == "keep":
            made = Made(b"x" * length, number)
            kept.keep(key, made)
            model.pop(key, None)
            model[key] = made
            while sum(map(size, model.values())) > most_bytes:
                model.popitem(last=False)
        else:
            assert kept.find([key]) == [model.get(key)]
            if key in model:
                model.move_to_end(key)
        assert kept.size_bytes == sum(map(size, model.values())) <= most_bytes
    assert kept.find([b"a", b"b", b"c", b"d"]) == [model.get(key) for key in (b"a", b"b", b"c", b"d")]


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_keys_tell_parts_apart_however_they_are_cut(one, other):
    kept = cache(0)
    assert (kept.key(*one) == kept.key(*other)) == (one == other)


def test_keys_say_nothing_outside_their_process():
    assert cache(0).key("a") != cache(0).key("a")
