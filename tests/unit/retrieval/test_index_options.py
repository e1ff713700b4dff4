import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrieval.domain import CollectionSpec, Hnsw, IndexKind, IvfPq
from retrieval.index_options import check_options, options_from_json, options_to_json
from serving.errors import InvalidInput


@given(st.sampled_from(IndexKind), st.integers(1, 8192))
def test_what_is_left_out_is_chosen_and_stored(kind: IndexKind, dimension: int) -> None:
    options = check_options(CollectionSpec("c", dimension, index=kind)).options
    stored = json.loads(json.dumps(options_to_json(options)))
    assert options_from_json(kind, stored) == options
    assert (options is None) == (kind is IndexKind.FLAT)
    if isinstance(options, IvfPq):
        assert options.code_bytes is not None and dimension % options.code_bytes == 0
        assert dimension / options.code_bytes <= 4


def test_checked_options_stay_as_they_are() -> None:
    spec = CollectionSpec("c", 8, index=IndexKind.IVF_PQ, options=IvfPq(4, 0.1, 0.1))
    assert check_options(spec) == spec
    with pytest.raises(InvalidInput, match=r"^collection\.hnsw"):
        check_options(CollectionSpec("c", 8, index=IndexKind.IVF_PQ, options=Hnsw()))


def test_a_width_that_is_left_out_is_not_stored_but_learned() -> None:
    assert "ef_search" not in options_to_json(Hnsw(ef_search=None))
    stored = {"m": 8, "ef_construction": 40, "ef_search": 80, "accurate_ef_search": 256}
    assert options_from_json(IndexKind.HNSW, stored) == Hnsw(8, 40, 80, 256)
    assert options_to_json(Hnsw(8, 40, 80, 256)) == stored
    with pytest.raises(InvalidInput, match=r"^collection\.hnsw\.accurate_ef_search: must be 8 to 4096"):
        check_options(CollectionSpec("c", 8, index=IndexKind.HNSW, options=Hnsw(accurate_ef_search=7)))
