import json

import pytest
from quadrille.text.v1 import text_pb2 as pb
from quadrille.text.v1 import text_pb2_grpc
from quadrille_client.types.text import Delta, Finished, Started
from quadrille_client.types.tools import ToolCall


class Speller(text_pb2_grpc.TextServiceServicer):
    """Spells what it is given: tokens are characters, their ids code points."""

    def Chat(self, request, context):
        if request.tools:
            yield from called(request)
            return
        spoken = " ".join(f"{pb.Role.Name(m.role)}:{m.content}" for m in request.messages)
        yield from spell(
            pb.ChatResponse, spoken + "".join(d.title + d.text for d in request.documents), request
        )

    def Generate(self, request, context):
        prompt = request.prompt.text or "".join(map(chr, request.prompt.token_ids.ids))
        yield from spell(pb.GenerateResponse, prompt, request)

    def Score(self, request, context):
        tokens = [pb.TokenLogprob(token="a", logprob=-1.0)] if request.token_details else []
        given = request.prompt.text if request.HasField("prompt") else "nothing"
        scores = [
            pb.ContinuationScore(logprob=-len(given + text), token_count=len(text), tokens=tokens)
            for text in request.continuations
        ]
        return pb.ScoreResponse(scores=scores)

    def Embed(self, request, context):
        size = request.dimensions or 2
        return pb.EmbedResponse(
            embeddings=[pb.Embedding(values=[len(text)] * size) for text in request.inputs],
            model="speller",
            model_stamp="speller@sha256:0",
            usage=pb.Usage(prompt_token_count=3),
        )

    def Rerank(self, request, context):
        order = sorted(range(len(request.documents)), key=lambda i: -len(request.documents[i]))
        places = [pb.RerankResult(index=i, score=0.5) for i in order]
        return pb.RerankResponse(results=places[: request.top_n or None])

    def FillMask(self, request, context):
        candidates = [
            pb.MaskCandidate(token_id=k, token=str(k), probability=0.1) for k in range(request.top_k)
        ]
        return pb.FillMaskResponse(masks=[pb.MaskPrediction(candidates=candidates)])

    def Tokenize(self, request, context):
        tokens = [
            pb.Token(id=ord(c), text=c, start_byte=i, end_byte=i + 1) for i, c in enumerate(request.text)
        ]
        return pb.TokenizeResponse(tokens=tokens[:-1] if request.add_special_tokens else tokens)

    def Detokenize(self, request, context):
        return pb.DetokenizeResponse(text="".join(map(chr, request.token_ids)))

    def ListModels(self, request, context):
        return pb.ListModelsResponse(models=[MODEL])

    def GetModel(self, request, context):
        return pb.GetModelResponse(model=MODEL)


MODEL = pb.Model(
    id="speller",
    capabilities=[pb.CAPABILITY_CHAT, pb.CAPABILITY_FILL_MASK],
    embedding_dimension=2,
    mask_token="_",
)


def spell(response, text, request):
    sampling = request.sampling
    name = f"every {request.delta_interval_ms} ms"
    yield response(started=pb.GenerationStarted(request_id=name, model="speller", seed=sampling.seed))
    for character in text:
        for index in range(sampling.n or 1):
            logprob = pb.TokenLogprob(token_id=ord(character), logprob=-0.5)
            yield response(
                delta=pb.GenerationDelta(
                    index=index,
                    text=character,
                    token_ids=[ord(character)],
                    logprobs=[logprob] if sampling.HasField("logprobs") else [],
                )
            )
    ends = [
        pb.SequenceResult(index=index, finish_reason=pb.FINISH_REASON_STOP, stop="!")
        for index in range(sampling.n or 1)
    ]
    timings = pb.Timings(queue_ms=1.5)
    usage = pb.Usage(prompt_token_count=2, completion_token_count=len(text))
    yield response(finished=pb.GenerationFinished(sequences=ends, usage=usage, timings=timings))


def called(request):
    """Each sequence calls each tool, in two pieces, with the choice and the last result for arguments."""
    sampling, choice = request.sampling, request.tool_choice
    said = {"choice": choice.name or choice.mode, "result": request.messages[-1].tool_call_id}
    said["parallel"] = request.parallel_tool_calls if request.HasField("parallel_tool_calls") else None
    arguments = json.dumps(said)
    yield pb.ChatResponse(started=pb.GenerationStarted(request_id="r", model="speller"))
    for index in range(sampling.n or 1):
        for place, tool in enumerate(request.tools):
            pieces = [
                {"index": place, "id": f"{index}-{place}", "name": tool.name, "arguments": arguments[:5]},
                {"index": place, "arguments": arguments[5:]},
            ]
            for piece in pieces:
                yield pb.ChatResponse(delta=pb.GenerationDelta(index=index, tool_calls=[piece]))
    ends = [
        pb.SequenceResult(index=index, finish_reason=pb.FINISH_REASON_TOOL_CALLS)
        for index in range(sampling.n or 1)
    ]
    yield pb.ChatResponse(finished=pb.GenerationFinished(sequences=ends))


@pytest.fixture
def call(serve, driver):
    address = serve((text_pb2_grpc.add_TextServiceServicer_to_server, Speller()))
    return lambda use: driver.call(address, use)


def test_a_generation_is_collected(call):
    result = call(lambda client: client.generate("ab", n=2, logprobs=0, seed=7))
    assert result.texts == ("ab", "ab")
    assert result.text == "ab"
    assert result.started.seed == 7
    assert [entry.logprob for entry in result.logprobs[1]] == [-0.5, -0.5]
    assert result.finished.usage.completion_tokens == 2
    assert result.finished.timings.queue_ms == 1.5
    assert result.finished.timings.energy_joules is None
    assert [(end.finish_reason, end.stop) for end in result.finished.sequences] == [("stop", "!")] * 2


def test_tokens_are_gathered_where_the_whole_is_waited_for(call):
    for ask in ("generate", "chat"):
        assert call(lambda client, ask=ask: getattr(client, ask)("a")).started.request_id == "every 1000 ms"
    asked = call(lambda client: client.stream_generate("a", delta_interval_ms=7).collect())
    assert asked.started.request_id == "every 7 ms"


def test_a_prompt_of_tokens(call):
    assert call(lambda client: client.generate([72, 105])).text == "Hi"


def test_chat_carries_roles_and_documents(call):
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    documents = [{"title": "T", "text": "x"}, {"text": "y"}]
    result = call(lambda client: client.chat(turns, documents=documents))
    assert result.text == "ROLE_SYSTEM:s ROLE_USER:uTxy"


def test_calls_of_tools_are_typed_and_whole(call):
    tools = [{"name": "a"}, {"name": "b"}]
    result = call(lambda client: client.chat("x", tools=tools, n=2))
    assert [[item.id for item in calls] for calls in result.calls] == [["0-0", "0-1"], ["1-0", "1-1"]]
    assert result.tool_calls == result.calls[0]
    assert isinstance(result.tool_calls[0], ToolCall)
    assert result.tool_calls[1].parse() == {"choice": 0, "result": "", "parallel": None}
    assert result.finished.sequences[0].finish_reason == "tool_calls"


def test_a_conversation_goes_on_from_a_call(call):
    options = {"tools": [{"name": "a"}], "tool_choice": {"name": "a"}, "parallel_tool_calls": False}
    first = call(lambda client: client.chat("x", **options))
    turns = [first.message, {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "done"}]
    second = call(lambda client: client.chat(turns, **options))
    assert second.tool_calls[0].parse() == {"choice": "a", "result": "0-0", "parallel": False}
    assert call(lambda client: client.chat(turns)).text == "ROLE_ASSISTANT: ROLE_TOOL:done"


def test_a_stream_has_pieces_of_calls(call):
    events = call(lambda client: client.stream_chat("x", tools=[{"name": "a"}], tool_choice="required"))
    pieces = [piece for event in events if isinstance(event, Delta) for piece in event.tool_calls]
    assert [(piece.index, piece.name) for piece in pieces] == [(0, "a"), (0, "")]


def test_a_stream_is_its_events(call):
    events = call(lambda client: client.stream_generate("abc"))
    assert [type(event) for event in events] == [Started, Delta, Delta, Delta, Finished]
    assert events[1].token_ids == (97,)


def test_score(call):
    first, second = call(lambda client: client.score(["a", "bb"], prompt="pp", token_details=True))
    assert (first.logprob, second.logprob) == (-3.0, -4.0)
    assert first.tokens[0].token == "a"
    assert call(lambda client: client.score(["a"]))[0].logprob == -8.0


def test_embed(call):
    result = call(lambda client: client.embed(["a", "bbb"], dimensions=3))
    assert result.vectors == ((1.0,) * 3, (3.0,) * 3)
    assert result.model_stamp == "speller@sha256:0"
    assert call(lambda client: client.embed("one")).vectors == ((3.0, 3.0),)


def test_rerank(call):
    assert [place.index for place in call(lambda c: c.rerank("q", ["a", "ccc", "bb"], top_n=2))] == [1, 2]


def test_fill_mask(call):
    ((first, second),) = call(lambda client: client.fill_mask("a _", top_k=2))
    assert (first.token, second.token) == ("0", "1")


def test_tokens_there_and_back(call):
    tokens = call(lambda client: client.tokenize("abc", add_special_tokens=False))
    assert [(token.text, token.start_byte) for token in tokens] == [("a", 0), ("b", 1), ("c", 2)]
    assert call(lambda client: client.detokenize([token.id for token in tokens])) == "abc"


def test_models(call):
    (model,) = call(lambda client: client.models())
    assert model.capabilities == ("chat", "fill_mask")
    assert (model.embedding_dimension, model.mask_token) == (2, "_")
    assert call(lambda client: client.model("speller")) == model
