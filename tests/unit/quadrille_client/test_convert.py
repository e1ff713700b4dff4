import pytest
from hypothesis import given
from hypothesis import strategies as st
from quadrille.image.v1 import image_pb2
from quadrille.retrieval.v1 import search_pb2
from quadrille.text.v1 import text_pb2
from quadrille_client import Chunk, Document, LatentPoint
from quadrille_client.convert import image, rag, retrieval, text
from quadrille_client.convert.enums import value, word


def test_enum_words():
    assert word(text_pb2.Capability, text_pb2.CAPABILITY_FILL_MASK) == "fill_mask"
    assert word(text_pb2.Capability, 999) == "unknown"
    assert value(image_pb2.Sampler, "euler", "sampler") == image_pb2.SAMPLER_EULER
    assert value(image_pb2.Sampler, None, "sampler") == 0
    with pytest.raises(ValueError, match="sampler must be one of"):
        value(image_pb2.Sampler, "magic", "sampler")


def test_sampling_sets_what_is_given_and_refuses_what_is_unknown():
    message = text.sampling({"temperature": 0.0, "choice": ["a", "b"], "logit_bias": {3: 1.5}})
    assert message.HasField("temperature")
    assert not message.HasField("top_p")
    assert list(message.structured_output.choice.choices) == ["a", "b"]
    assert message.logit_bias[3] == 1.5
    with pytest.raises(TypeError, match="temprature"):
        text.sampling({"temprature": 1})


def test_a_string_is_one_turn_of_the_users():
    (message,) = text.messages("hello")
    assert (message.role, message.content) == (text_pb2.ROLE_USER, "hello")


def test_prompts():
    assert text.prompt("abc").WhichOneof("form") == "text"
    assert list(text.prompt([1, 2]).token_ids.ids) == [1, 2]


def test_a_stage_of_an_answer_is_wanted_once_anything_is_said_of_it():
    stages = {
        "rerank": ({"rerank": ""}, {"rerank_depth": 9}),
        "rewrite": ({"rewrite": "model"}, {"rewrite_model": "m"}),
        "mmr": ({"mmr": 0.0}, {"mmr_candidates": 9}),
    }
    for stage, said in stages.items():
        for options in said:
            message = rag.ask("c", "?", options)
            assert [each for each in stages if message.HasField(each)] == [stage]
    assert not any(rag.ask("c", "?", {}).HasField(stage) for stage in stages)


def test_latent_points_are_one_place():
    assert image.point(LatentPoint(seed=0)).WhichOneof("place") == "seed"
    with pytest.raises(ValueError, match="exactly one"):
        image.point(LatentPoint(seed=1, image=b"x"))


FILTERS = [
    ({"field": "a", "equals": "x"}, 'condition { field: "a" equals { string_value: "x" } }'),
    ({"field": "a", "range": {"gte": 2}}, 'condition { field: "a" range { gte: 2 } }'),
    ({"not": {"field": "a", "exists": True}}, 'not { condition { field: "a" exists: true } }'),
    (
        {"all": [{"field": "a", "equals": True}]},
        'all { filters { condition { field: "a" equals { bool_value: true } } } }',
    ),
]


@pytest.mark.parametrize(("condition", "expected"), FILTERS)
def test_filters(condition, expected):
    assert " ".join(str(retrieval.filter_to_pb(condition)).split()) == expected


@pytest.mark.parametrize("condition", [{}, {"field": "a"}, {"field": "a", "like": "x"}, {"equals": 1}])
def test_what_is_no_filter_is_refused(condition):
    with pytest.raises(ValueError, match="not a"):
        retrieval.filter_to_pb(condition)


def test_hits_carry_the_parts_that_are_named():
    asked = retrieval.query([1.0], "", None, {"parts": ["passage", "vector"]})
    assert list(asked.parts) == [search_pb2.HIT_PART_PASSAGE, search_pb2.HIT_PART_VECTOR]
    for options in ({}, {"parts": None}, {"parts": ()}):
        assert not retrieval.query([1.0], "", None, options).parts
    with pytest.raises(ValueError, match="parts must be one of"):
        retrieval.query([1.0], "", None, {"parts": ["payload"]})
    found = retrieval.hit(search_pb2.Hit(chunk_id="a#0", document_id="a", score=0.5, vector=[0.5, 1.0]))
    assert (found.chunk_id, found.text, found.metadata, found.vector) == ("a#0", "", {}, (0.5, 1.0))


JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(-1000, 1000),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.dictionaries(st.text(min_size=1), JSON, max_size=4), st.text(), st.text(min_size=1))
def test_documents_survive_the_way_there_and_back(metadata, body, name):
    document = Document(name, body, metadata=metadata, chunks=(Chunk("c", 0, 1, (1.0, 0.5)),))
    back = retrieval.document(retrieval.document_to_pb(document))
    assert (back.id, back.text, back.metadata) == (name, body, metadata)
    assert back.chunks[0].vector == (1.0, 0.5)
