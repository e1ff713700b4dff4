import grpc
import pytest
from quadrille.text.v1 import text_pb2 as pb
from quadrille.text.v1 import text_pb2_grpc

P, S = pb.Prompt, pb.SamplingParameters
TEXT = P(text="the cat")


def generate(**sampling):
    return pb.GenerateRequest(prompt=TEXT, sampling=S(**sampling))


STREAMS = [
    (pb.GenerateRequest(), "prompt"),
    (pb.GenerateRequest(prompt=P()), "prompt"),
    (pb.GenerateRequest(prompt=P(text="")), "prompt.text"),
    (pb.GenerateRequest(prompt=P(token_ids=pb.TokenIds(ids=[10**6]))), "prompt.token_ids.ids"),
    (pb.GenerateRequest(prompt=P(token_ids=pb.TokenIds(ids=[1] * 129))), "prompt.token_ids"),
    (pb.GenerateRequest(prompt=P(text="zq " * 200)), "prompt.text"),
    (pb.GenerateRequest(prompt=TEXT, request_id="x" * 129), "request_id"),
    (pb.GenerateRequest(prompt=TEXT, priority=101), "priority"),
    (generate(n=10**9), "sampling.n"),
    (generate(n=0), "sampling.n"),
    (generate(max_tokens=10**9), "sampling.max_tokens"),
    (generate(max_tokens=-1), "sampling.max_tokens"),
    (generate(temperature=float("nan")), "sampling.temperature"),
    (generate(temperature=float("inf")), "sampling.temperature"),
    (generate(temperature=-1), "sampling.temperature"),
    (generate(top_p=0), "sampling.top_p"),
    (generate(top_k=-1), "sampling.top_k"),
    (generate(min_p=2), "sampling.min_p"),
    (generate(repetition_penalty=0), "sampling.repetition_penalty"),
    (generate(seed=-1), "sampling.seed"),
    (generate(seed=2**63 - 1, n=2), "sampling.seed"),
    (generate(logprobs=21), "sampling.logprobs"),
    (generate(prompt_logprobs=21), "sampling.prompt_logprobs"),
    (generate(prompt_logprobs=-1), "sampling.prompt_logprobs"),
    (generate(stop=["x"] * 17), "sampling.stop"),
    (generate(stop=[""]), "sampling.stop[0]"),
    (generate(stop_token_ids=list(range(129))), "sampling.stop_token_ids"),
    (generate(logit_bias=dict.fromkeys(range(1025), 0.0)), "sampling.logit_bias"),
    (generate(logit_bias={10**6: 0.0}), "sampling.logit_bias"),
    (generate(logit_bias={1: float("nan")}), "sampling.logit_bias[1]"),
    (generate(structured_output=pb.StructuredOutput()), "sampling.structured_output"),
    (generate(structured_output=pb.StructuredOutput(regex="(")), "sampling.structured_output.regex"),
    (generate(structured_output=pb.StructuredOutput(regex="x" * 9000)), "sampling.structured_output.regex"),
    (
        generate(structured_output=pb.StructuredOutput(json_schema="{")),
        "sampling.structured_output.json_schema",
    ),
    (
        generate(structured_output=pb.StructuredOutput(choice=pb.ChoiceList(choices=["a", "a"]))),
        "sampling.structured_output.choice.choices",
    ),
]
CHATS = [
    (pb.ChatRequest(), "messages"),
    (pb.ChatRequest(messages=[pb.ChatMessage(content="x")]), "messages[0].role"),
    (pb.ChatRequest(messages=[pb.ChatMessage(role=77, content="x")]), "messages[0].role"),
    (pb.ChatRequest(messages=[pb.ChatMessage(role=pb.ROLE_ASSISTANT, content="x")]), "messages[0].role"),
    (pb.ChatRequest(messages=[pb.ChatMessage(role=pb.ROLE_USER, content="x")] * 257), "messages"),
    (
        pb.ChatRequest(
            messages=[pb.ChatMessage(role=pb.ROLE_USER)], documents=[pb.ChatDocument(text="x")] * 65
        ),
        "documents",
    ),
]
UNARY = [
    ("Score", pb.ScoreRequest(), "continuations"),
    ("Score", pb.ScoreRequest(continuations=[""]), "continuations[0]"),
    ("Score", pb.ScoreRequest(continuations=["x"] * 65), "continuations"),
    ("Embed", pb.EmbedRequest(), "inputs"),
    ("Embed", pb.EmbedRequest(inputs=["x"] * 1025), "inputs"),
    ("Embed", pb.EmbedRequest(inputs=["x", " "]), "inputs[1]"),
    ("Embed", pb.EmbedRequest(inputs=["a " * 99]), "inputs[0]"),
    ("Embed", pb.EmbedRequest(inputs=["x"], dimensions=33), "dimensions"),
    ("Detokenize", pb.DetokenizeRequest(token_ids=[-1]), "token_ids"),
]


async def test_every_bad_request_names_its_field(serve, fault):
    served = await serve("llama", "embedder")
    async with grpc.aio.insecure_channel(served.address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        streams = [(stub.Generate, *case) for case in STREAMS] + [(stub.Chat, *case) for case in CHATS]
        for method, request, field in streams:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in method(request):
                    pass
            assert (caught.value.code(), fault(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, field)
        for name, request, field in UNARY:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await getattr(stub, name)(request)
            assert (caught.value.code(), fault(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, field)
        lora = stub.Generate(pb.GenerateRequest(prompt=TEXT, lora="none"))
        assert await lora.code() is grpc.StatusCode.NOT_FOUND
        assert await stub.Tokenize(pb.TokenizeRequest(text="fine")).code() is grpc.StatusCode.OK
