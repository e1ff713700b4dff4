from gateway.balancing.work import BLOCK_BYTES, MAX_BLOCKS, blocks_of
from gateway.convert.work import load_of, work_of
from hypothesis import given
from hypothesis import strategies as st
from quadrille.image.v1 import image_pb2
from quadrille.retrieval.v1 import search_pb2
from quadrille.text.v1 import text_pb2


@given(st.binary(max_size=2000), st.binary(max_size=2000), st.binary(max_size=2000))
def test_prompts_share_the_blocks_of_their_common_beginning(common, left, right):
    one, other = common + left, common + right
    same = next(
        (n for n, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), min(len(one), len(other))
    )
    shared = same // BLOCK_BYTES
    one, other = blocks_of(common + left), blocks_of(common + right)
    assert one[:shared] == other[:shared]
    assert set(one[shared:]).isdisjoint(other[shared:])
    assert len(one) == len(common + left) // BLOCK_BYTES


def test_blocks_are_bounded_the_same_everywhere_and_of_one_model():
    assert len(blocks_of(b"x" * 10**6)) == MAX_BLOCKS
    assert blocks_of(b"x" * BLOCK_BYTES)[0].hex() == "37cf015c704736ef"
    assert set(blocks_of(b"x" * 2048, "a")).isdisjoint(blocks_of(b"x" * 2048, "b"))


def test_a_chat_begins_as_the_turn_before_did_and_costs_what_it_reads_and_may_write():
    first = text_pb2.ChatRequest(model="m", messages=[{"role": 1, "content": "s" * 1200}])
    second = text_pb2.ChatRequest()
    second.CopyFrom(first)
    second.messages.add(role=2, content="and then?" * 200)
    assert load_of(second).blocks[:2] == load_of(first).blocks
    assert 256 + 300 < load_of(first).cost < 256 + 320
    first.sampling.max_tokens, first.sampling.n = 10, 3
    assert 30 + 300 < load_of(first).cost < 30 + 320
    second.lora = "other"
    assert load_of(second).blocks[:2] != load_of(first).blocks


def test_prompts_of_text_and_of_tokens():
    text = text_pb2.GenerateRequest(prompt={"text": "ü" * 600})
    assert len(load_of(text).blocks) == 2
    ids = text_pb2.GenerateRequest(prompt={"token_ids": {"ids": [-1, *range(400)]}})
    assert len(load_of(ids).blocks) == 3
    longer = text_pb2.ScoreRequest(prompt={"text": "ü" * 600}, continuations=["x" * 4000])
    assert load_of(longer).blocks == load_of(text).blocks
    assert load_of(longer).cost > 1000
    assert load_of(text_pb2.GenerateRequest()).blocks == ()


def test_what_others_cost():
    assert load_of(text_pb2.EmbedRequest(inputs=["x" * 4000])).cost > 1000
    nonsense = {"max_tokens": -(2**31), "n": -5}
    assert load_of(text_pb2.ChatRequest(sampling=nonsense)).cost >= 0
    image = image_pb2.GenerateRequest(parameters={"steps": 30, "count": 4})
    assert load_of(image).cost == 120
    assert load_of(image_pb2.EditRequest()).cost == load_of(image_pb2.DecodeRequest()).cost > 0


def test_the_model_is_named_where_there_is_one():
    work = work_of(text_pb2.EmbedRequest(model="m", inputs=["a"]), "embed")
    assert (work.model, work.capability, work.repeatable) == ("m", "embed", True)
    assert work.weigh() == load_of(text_pb2.EmbedRequest(model="m", inputs=["a"]))
    assert work_of(search_pb2.SearchRequest(), "search").model == ""
