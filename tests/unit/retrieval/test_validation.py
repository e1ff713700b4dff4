from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from retrieval import validation
from retrieval.domain import Chunk, CollectionSpec, Document, Metric, Query, Vector
from serving.errors import InvalidInput

COSINE = CollectionSpec("c", 3)
L2 = CollectionSpec("c", 3, Metric.L2)


def f32(*values: float) -> Vector:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize("name", ["a", "9", "A.b_c-d", "x" * 128])
def test_well_formed_names(name: str) -> None:
    assert validation.check_name(name, "name") == name


@pytest.mark.parametrize("name", ["", ".a", "-a", "x" * 129, "a/b", "../a", "a\0", "é", "a b", "a\n"])
def test_malformed_names(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^name:"):
        validation.check_name(name, "name")


@pytest.mark.parametrize("dimension", [0, -1, 8193, 2**31 - 1])
def test_dimensions_are_bounded(dimension: int) -> None:
    with pytest.raises(InvalidInput, match=r"collection\.dimension"):
        validation.check_spec(CollectionSpec("c", dimension))


@pytest.mark.parametrize(
    ("vector", "complaint"),
    [
        (f32(1, 2), "2 components where the collection has 3"),
        (f32(1, 2, 3, 4), "4 components"),
        (f32(1, np.nan, 3), "finite"),
        (f32(1, np.inf, 3), "finite"),
        (f32(0, 0, -0.0), "zero"),
    ],
)
def test_bad_vectors(vector: Vector, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=f"v: .*{complaint}"):
        validation.check_vector(vector, COSINE, "v")


def test_vectors_that_would_overflow_are_refused_outside_cosine() -> None:
    huge = f32(1e30, 1e30, 1e30)
    with pytest.raises(InvalidInput, match="longer"):
        validation.check_vector(huge, L2, "v")
    assert np.isfinite(validation.check_vector(huge, COSINE, "v")).all()


@given(hnp.arrays(np.float32, 3, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_cosine_vectors_come_out_with_length_one(vector: Vector) -> None:
    if not vector.any():
        return
    normal = validation.check_vector(vector, COSINE, "v")
    assert normal.dtype == np.float32
    assert np.linalg.norm(normal.astype(np.float64)) == pytest.approx(1, abs=1e-6)


def test_zero_is_a_vector_like_others_under_l2() -> None:
    assert validation.check_vector(f32(0, 0, 0), L2, "v").tolist() == [0, 0, 0]


@given(st.data(), st.sampled_from(Metric))
def test_vectors_that_are_checked_together_come_out_as_each_by_itself(
    data: st.DataObject, metric: Metric
) -> None:
    spec = CollectionSpec("c", 3, metric)
    sizes = st.sampled_from((3, 3, 3, 2))
    some = data.draw(st.lists(sizes.flatmap(lambda size: hnp.arrays(np.float32, size)), max_size=4))
    fields = [f"v[{place}]" for place in range(len(some))]
    together = validation.check_vectors(some, spec, fields)
    for vector, field, found in zip(some, fields, together, strict=True):
        try:
            expected = validation.check_vector(vector, spec, field)
        except InvalidInput as error:
            assert isinstance(found, InvalidInput)
            assert str(found) == str(error)
        else:
            assert not isinstance(found, InvalidInput)
            assert found.tobytes() == expected.tobytes()


def test_long_vectors_come_out_the_same_to_the_bit_in_any_company() -> None:
    some = list(np.random.default_rng(1).standard_normal((20, 1000)).astype(np.float32))
    spec = CollectionSpec("c", 1000)
    together = validation.check_vectors(some, spec, ["v"] * 20)
    for vector, found in zip(some, together, strict=True):
        assert np.array_equal(validation.check_vector(vector, spec, "v"), found)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (Document(""), "d.id"),
        (Document("x" * 513), "d.id"),
        (Document("é" * 257), "d.id"),
        (Document("a", title="x" * 1025), "d.title"),
        (Document("a", source_uri="x" * 2049), "d.source_uri"),
        (Document("a", text="x" * (4 * 1024 * 1024 + 1)), "d.text"),
        (Document("a", metadata={"m": "x" * 65536}), "d.metadata"),
        (Document("a", metadata={"m": float("nan")}), "d.metadata"),
        (Document("a", chunks=(Chunk(""),)), r"d.chunks\[0\].text"),
        (Document("a", chunks=(Chunk("x"), Chunk("y" * 65537))), r"d.chunks\[1\].text"),
        (Document("a", chunks=(Chunk("x", -1, 2),)), r"d.chunks\[0\].start_byte"),
        (Document("a", chunks=(Chunk("x", 3, 2),)), r"d.chunks\[0\].start_byte"),
        (Document("a", text="éé", chunks=(Chunk("x", 0, 5),)), r"d.chunks\[0\].end_byte"),
        (Document("a", chunks=(Chunk("x", vector=f32(1, 2)),)), r"d.chunks\[0\].vector"),
        (Document("a", chunks=(Chunk("x"),) * 10_001), "d.chunks"),
    ],
)
def test_the_field_at_fault_is_named(document: Document, field: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: "):
        validation.check_document(document, COSINE, "d")


def test_a_document_at_its_limits_is_taken() -> None:
    text = "é" * (2 * 1024 * 1024)
    document = Document("é" * 256, "x" * 1024, "x" * 2048, text, {"m": "x" * (65536 - 8)})
    checked = validation.check_document(document, COSINE, "d")
    assert (checked.id, checked.text) == (document.id, text)


def test_spans_are_free_when_the_text_is_kept_elsewhere() -> None:
    validation.check_document(Document("a", chunks=(Chunk("x", 100, 200),)), COSINE, "d")


def test_metadata_depth() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"a": nested(depth - 1)} if depth > 1 else {}

    validation.check_metadata(nested(16), "m")
    with pytest.raises(InvalidInput, match="16 deep"):
        validation.check_metadata(nested(17), "m")


def test_ids_must_be_distinct() -> None:
    with pytest.raises(InvalidInput, match=r"documents\[2\].id"):
        validation.check_distinct([Document("a"), Document("b"), Document("a")], "documents")


def test_vectors_that_a_call_asks_for_must_fit() -> None:
    ten, groups = Query(top_k=10, with_vectors=True), Query(top_k=10, group_size=3, with_vectors=True)
    queries, fields = [ten, Query(top_k=1000), groups, ten], [f"queries[{i}]" for i in range(4)]
    validation.check_vectors_fit(queries, fields, 5, 1000)
    for most, field in ((999, r"queries\[3\]"), (799, r"queries\[2\]"), (199, r"queries\[0\]")):
        with pytest.raises(InvalidInput, match=rf"^{field}\.parts: "):
            validation.check_vectors_fit(queries, fields, 5, most)
