"""Calls of the text service."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from quadrille.text.v1 import text_pb2 as pb
from quadrille.text.v1 import text_pb2_grpc

from quadrille_client._async.streams import AsyncTextStream
from quadrille_client._async.transport import AsyncTransport
from quadrille_client.convert import text as convert
from quadrille_client.convert import tools as tool_convert
from quadrille_client.types import text as types
from quadrille_client.types import tools as tool_types

GATHERED_MS = 1000  # whoever waits for the whole answer needs no delta for each token


class AsyncTextCalls:
    """Text: mixed into the client."""

    _transport: AsyncTransport

    def stream_chat(
        self,
        messages: str | Sequence[types.Message],
        *,
        model: str = "",
        documents: Sequence[types.DocumentPassage] = (),
        tools: Sequence[tool_types.Tool | Mapping[str, Any]] = (),
        tool_choice: tool_types.ToolMode | tool_types.ToolName | None = None,
        parallel_tool_calls: bool | None = None,
        priority: int | None = None,
        lora: str = "",
        delta_interval_ms: int | None = None,
        **sampling: Unpack[types.Sampling],
    ) -> AsyncTextStream:
        """Answer a conversation, event by event; with tools, the model may ask for calls; `lora` names an adapter."""
        passages = [pb.ChatDocument(title=item.get("title", ""), text=item["text"]) for item in documents]
        request = pb.ChatRequest(
            model=model,
            messages=convert.messages(messages),
            documents=passages,
            sampling=convert.sampling(sampling),
            priority=priority,
            tools=[tool_convert.tool(item) for item in tools],
            tool_choice=tool_convert.choice(tool_choice),
            parallel_tool_calls=parallel_tool_calls,
            lora=lora,
            delta_interval_ms=delta_interval_ms,
        )
        return AsyncTextStream(self._transport, self._text.Chat, request)

    async def chat(
        self,
        messages: str | Sequence[types.Message],
        *,
        model: str = "",
        documents: Sequence[types.DocumentPassage] = (),
        tools: Sequence[tool_types.Tool | Mapping[str, Any]] = (),
        tool_choice: tool_types.ToolMode | tool_types.ToolName | None = None,
        parallel_tool_calls: bool | None = None,
        priority: int | None = None,
        lora: str = "",
        **sampling: Unpack[types.Sampling],
    ) -> types.Generation:
        """Answer a conversation; with tools, the model may ask for calls of them."""
        stream = self.stream_chat(
            messages,
            model=model,
            documents=documents,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            priority=priority,
            lora=lora,
            delta_interval_ms=GATHERED_MS,
            **sampling,
        )
        return await stream.collect()

    def stream_generate(
        self,
        prompt: str | Sequence[int],
        *,
        model: str = "",
        priority: int | None = None,
        lora: str = "",
        delta_interval_ms: int | None = None,
        **sampling: Unpack[types.Sampling],
    ) -> AsyncTextStream:
        """Continue a prompt, event by event; `lora` names a loaded adapter."""
        request = pb.GenerateRequest(
            model=model,
            prompt=convert.prompt(prompt),
            sampling=convert.sampling(sampling),
            priority=priority,
            lora=lora,
            delta_interval_ms=delta_interval_ms,
        )
        return AsyncTextStream(self._transport, self._text.Generate, request)

    async def generate(
        self,
        prompt: str | Sequence[int],
        *,
        model: str = "",
        priority: int | None = None,
        lora: str = "",
        **sampling: Unpack[types.Sampling],
    ) -> types.Generation:
        """Continue a prompt."""
        stream = self.stream_generate(
            prompt, model=model, priority=priority, lora=lora, delta_interval_ms=GATHERED_MS, **sampling
        )
        return await stream.collect()

    async def score(
        self,
        continuations: Sequence[str],
        *,
        prompt: str | Sequence[int] | None = None,
        model: str = "",
        token_details: bool = False,
    ) -> tuple[types.ContinuationScore, ...]:
        """Log-likelihoods of continuations of a prompt."""
        given = None if prompt is None else convert.prompt(prompt)
        request = pb.ScoreRequest(
            model=model, prompt=given, continuations=continuations, token_details=token_details
        )
        response = await self._transport.unary(self._text.Score, request)
        return tuple(convert.score(item) for item in response.scores)

    async def embed(
        self,
        inputs: str | Sequence[str],
        *,
        model: str = "",
        normalize: bool | None = None,
        dimensions: int | None = None,
        truncate: bool = False,
    ) -> types.Embeddings:
        """Vectors of texts."""
        request = pb.EmbedRequest(
            model=model,
            inputs=[inputs] if isinstance(inputs, str) else inputs,
            normalize=normalize,
            dimensions=dimensions,
            truncate=truncate,
        )
        response = await self._transport.unary(self._text.Embed, request)
        vectors = tuple(tuple(item.values) for item in response.embeddings)
        return types.Embeddings(vectors, response.model, response.model_stamp, convert.usage(response.usage))

    async def rerank(
        self, query: str, documents: Sequence[str], *, model: str = "", top_n: int | None = None
    ) -> tuple[types.Ranked, ...]:
        """Places of documents by relevance, best first."""
        request = pb.RerankRequest(model=model, query=query, documents=documents, top_n=top_n)
        response = await self._transport.unary(self._text.Rerank, request)
        return tuple(types.Ranked(item.index, item.score) for item in response.results)

    async def fill_mask(
        self, text: str, *, model: str = "", top_k: int | None = None
    ) -> tuple[tuple[types.MaskCandidate, ...], ...]:
        """Candidates of each mask token, best first."""
        request = pb.FillMaskRequest(model=model, text=text, top_k=top_k)
        response = await self._transport.unary(self._text.FillMask, request)
        return tuple(
            tuple(types.MaskCandidate(c.token_id, c.token, c.probability) for c in mask.candidates)
            for mask in response.masks
        )

    async def tokenize(
        self, text: str, *, model: str = "", add_special_tokens: bool = True
    ) -> tuple[types.Token, ...]:
        """Tokens of a text."""
        request = pb.TokenizeRequest(model=model, text=text, add_special_tokens=add_special_tokens)
        response = await self._transport.unary(self._text.Tokenize, request)
        return tuple(
            types.Token(item.id, item.text, item.start_byte, item.end_byte) for item in response.tokens
        )

    async def detokenize(
        self, token_ids: Sequence[int], *, model: str = "", skip_special_tokens: bool = True
    ) -> str:
        """Text of tokens."""
        request = pb.DetokenizeRequest(
            model=model, token_ids=token_ids, skip_special_tokens=skip_special_tokens
        )
        response = await self._transport.unary(self._text.Detokenize, request)
        return str(response.text)

    async def models(self) -> tuple[types.TextModel, ...]:
        """The loaded text models, defaults first."""
        response = await self._transport.unary(self._text.ListModels, pb.ListModelsRequest())
        return tuple(convert.model(item) for item in response.models)

    async def model(self, model: str) -> types.TextModel:
        """One loaded text model."""
        response = await self._transport.unary(self._text.GetModel, pb.GetModelRequest(model=model))
        return convert.model(response.model)

    @property
    def _text(self) -> "text_pb2_grpc.TextServiceAsyncStub":
        return text_pb2_grpc.TextServiceStub(self._transport.channel)
