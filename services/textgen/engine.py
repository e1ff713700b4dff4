"""The async facade: validates, tokenizes, hands to the model's lanes, and puts answers together."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from serving.call import current_call
from serving.errors import FailedPrecondition, InvalidInput, NotConfigured
from serving.loras import Adapter, Loras

from textgen import domain, validation
from textgen.domain import Answered, Capability
from textgen.idempotency import Idempotency
from textgen.registry import ModelRegistry
from textgen.served import ServedModel
from textgen.tools.calls import ToolMode
from textgen.tools.check import check_calls, check_tools

T = TypeVar("T")
_LONG_TEXT = 10_000  # characters, which take some ten milliseconds
_NO_LORAS = "takes no adapters: only decoders that run in torch do"


class Engine:
    """What the servicer calls; all on the event loop."""

    def __init__(self, registry: ModelRegistry, idempotency: Idempotency) -> None:
        self.models = registry
        self._idempotency = idempotency

    def generate(self, request: domain.GenerateRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        """Started, deltas, Finished."""
        return self._once(request, lambda: self._generate(request))

    def chat(self, request: domain.ChatRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        """Started, deltas, Finished."""
        return self._once(request, lambda: self._chat(request))

    def _once(
        self,
        request: domain.GenerateRequest | domain.ChatRequest,
        answer: Callable[[], AsyncGenerator[domain.GenerationEvent, None]],
    ) -> AsyncGenerator[domain.GenerationEvent, None]:
        validation.check_request(
            request.request_id, request.priority, request.lora, request.delta_interval_ms
        )
        if not request.request_id:
            return answer()
        key = current_call().principal.tenant, request.request_id
        return self._idempotency.events(key, request, answer)

    async def _generate(
        self, request: domain.GenerateRequest
    ) -> AsyncGenerator[domain.GenerationEvent, None]:
        model = self.models.find(request.model, Capability.GENERATE)
        validation.check_sampling(request.sampling, model.info.vocabulary_size)
        ids, field = await _prompt_ids(request.prompt, model)
        async with aclosing(_run(model, ids, field, request)) as events:
            async for event in events:
                yield event

    async def _chat(self, request: domain.ChatRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        model = self.models.find(request.model, Capability.CHAT)
        if model.chat is None:
            raise NotConfigured(f"{model.info.id} has no chat template", "add one to its directory")
        validation.check_sampling(request.sampling, model.info.vocabulary_size)
        _check_conversation(request, model)
        check_tools(request)
        check_calls(request.messages)
        offered = request.tools if request.tool_choice.mode is not ToolMode.NONE else ()
        encode = partial(model.chat.encode, request.messages, request.documents, offered)
        ids = tuple(await _aside(_size(request), encode))
        if not offered:
            answer = _run(model, ids, "messages", request)
        elif model.tools is None:
            raise InvalidInput(
                "tools", "how the model writes calls is not known; the option tool_format may say it"
            )
        else:
            constrained = replace(request, sampling=await model.tools.sampling(request))
            run = _run(model, ids, "messages", constrained, shown=model.tools.shown)
            answer = model.tools.read(run, request)
        async with aclosing(answer) as events:
            async for event in events:
                yield event

    async def score(self, request: domain.ScoreRequest) -> tuple[list[domain.ContinuationScore], Answered]:
        """One score a continuation."""
        model = self.models.find(request.model, Capability.SCORE)
        assert model.scorer is not None
        validation.at_most("continuations", len(request.continuations), 64, least=1)
        condition: tuple[int, ...] = ()
        if request.prompt is not None:
            condition, _ = await _prompt_ids(request.prompt, model)
        items = []
        for place, continuation in enumerate(request.continuations):
            field = f"continuations[{place}]"
            validation.check_text(field, continuation, model)
            targets = await _aside(
                len(continuation), partial(model.codec.encode, continuation, special=False)
            )
            if not targets:
                raise InvalidInput(field, "must not be empty")
            if len(targets) + (len(condition) if model.shares_context else 0) >= model.info.context_length:
                raise InvalidInput(
                    field, f"with the prompt exceeds the context of {model.info.context_length}"
                )
            items.append((condition, targets))
        logprobs, timings = await model.scorer.submit(items, current_call().deadline)
        scores = []
        for (_, targets), values, text in zip(items, logprobs, request.continuations, strict=True):
            scored = targets[len(targets) - len(values) :]  # without a start token the first has no condition
            vocabulary = model.codec.vocabulary
            tokens = tuple(
                domain.TokenLogprob(token_id, vocabulary.text_of(token_id), value)
                for token_id, value in zip(scored, values, strict=True)
            )
            scores.append(domain.ContinuationScore(tokens, len(text.encode())))
        read = sum(len(condition) + len(targets) for condition, targets in items)
        return scores, Answered(model.info.id, domain.Usage(read), timings)

    async def embed(self, request: domain.EmbedRequest) -> tuple[list[Any], list[int], str, Answered]:
        """Vectors (float32, one an input), tokens of each input, the model's stamp."""
        model = self.models.find(request.model, Capability.EMBED)
        assert model.embedder is not None
        validation.at_most("inputs", len(request.inputs), 1024, least=1)
        dimension = model.info.embedding_dimension or 0
        if request.dimensions is not None:
            validation.within("dimensions", request.dimensions, 1, dimension)
        texts = [
            _checked(model, f"inputs[{place}]", text, truncate=request.truncate)
            for place, text in enumerate(request.inputs)
        ]
        items = [
            _cut(model, f"inputs[{place}]", ids, truncate=request.truncate)
            for place, ids in enumerate(await asyncio.to_thread(model.codec.encode_batch, texts))
        ]
        rows, timings = await model.embedder.submit(items, current_call().deadline)
        model.metrics.embedded(len(rows))
        vectors = [row[: request.dimensions] if request.dimensions else row for row in rows]
        if request.normalize:
            vectors = [row / max(float(np.linalg.norm(row)), 1e-12) for row in vectors]
        counts = [len(ids) for ids in items]
        return vectors, counts, model.info.stamp, Answered(model.info.id, domain.Usage(sum(counts)), timings)

    async def rerank(self, request: domain.RerankRequest) -> tuple[list[tuple[int, float]], Answered]:
        """(Place, score) of the documents, best first."""
        model = self.models.find(request.model, Capability.RERANK)
        assert model.reranker is not None
        validation.at_most("documents", len(request.documents), 1024, least=1)
        if request.top_n is not None:
            validation.within("top_n", request.top_n, 1, len(request.documents))
        for field, text in (("query", request.query), *_numbered("documents", request.documents)):
            validation.check_text(field, text, model)
            if not text.strip():
                raise InvalidInput(field, "must not be empty")
        limit = model.info.context_length
        if model.codec.pair_room(request.query, limit) < 1:
            raise InvalidInput("query", f"leaves no room for a document in the context of {limit}")
        items = await asyncio.to_thread(model.codec.encode_pairs, request.query, request.documents, limit)
        scores, timings = await model.reranker.submit(items, current_call().deadline)
        order = sorted(enumerate(scores), key=lambda item: (-item[1], item[0]))[: request.top_n]
        usage = domain.Usage(sum(len(ids) for ids, _ in items))
        return order, Answered(model.info.id, usage, timings)

    async def fill_mask(
        self, request: domain.FillMaskRequest
    ) -> tuple[list[list[domain.MaskCandidate]], Answered]:
        """Candidates of each mask, best first."""
        model = self.models.find(request.model, Capability.FILL_MASK)
        assert model.mask_filler is not None
        validation.within("top_k", request.top_k, 1, 100)
        validation.check_text("text", request.text, model)
        mask = model.info.mask_token or ""
        count = request.text.count(mask) if mask else 0
        if not 1 <= count <= 64:
            raise InvalidInput("text", f"must hold 1 to 64 mask tokens {mask!r}, not {count}")
        encode = partial(model.codec.encode_masked, request.text, mask)
        ids, places = await _aside(len(request.text), encode)
        if len(ids) > model.info.context_length:
            raise InvalidInput("text", f"has {len(ids)} tokens; the model takes {model.info.context_length}")
        answers, timings = await model.mask_filler.submit(
            [(ids, places, request.top_k)], current_call().deadline
        )
        vocabulary = model.codec.vocabulary
        masks = [
            [
                domain.MaskCandidate(token_id, vocabulary.text_of(token_id).strip(), value)
                for token_id, value in best
            ]
            for best in answers[0]
        ]
        return masks, Answered(model.info.id, domain.Usage(len(ids)), timings)

    async def load_lora(self, model_id: str, name: str, folder: Path | None = None) -> tuple[str, Adapter]:
        """Load an adapter, from its folder in lora_dir unless another is given; the model's id, and the adapter.

        Fails as `Loras.load` does, and with FailedPrecondition for a model that takes no adapters.
        """
        model, loras = self._with_loras(model_id)
        return model.info.id, await loras.load(name, folder)

    def unload_lora(self, model_id: str, name: str) -> str:
        """Forget an adapter; the model's id. NotFound when it is not loaded."""
        model, loras = self._with_loras(model_id)
        loras.unload(name)
        return model.info.id

    def _with_loras(self, model_id: str) -> tuple[ServedModel, Loras]:
        model = self.models.find(model_id, Capability.GENERATE)
        if model.loras is None:
            raise FailedPrecondition("LORA_UNSUPPORTED", f"{model.info.id} {_NO_LORAS}")
        return model, model.loras

    async def tokenize(
        self, model_id: str, text: str, *, special: bool
    ) -> tuple[list[domain.TokenSpan], str]:
        """Tokens of a text, and the model's id."""
        model = self.models.find(model_id, Capability.TOKENIZE)
        spans = await _aside(len(text), partial(model.codec.spans, text, special=special))
        return spans, model.info.id

    def detokenize(self, model_id: str, ids: Sequence[int], *, skip_special: bool) -> tuple[str, str]:
        """Text of tokens, and the model's id."""
        model = self.models.find(model_id, Capability.TOKENIZE)
        validation.at_most("token_ids", len(ids), 1_000_000)
        validation.check_ids("token_ids", ids, model.info.vocabulary_size)
        return model.codec.decode(ids, skip_special=skip_special), model.info.id


async def _aside(characters: int, work: Callable[[], T]) -> T:
    """Tokenize; on another thread where so much text would hold up the streams of others."""
    return await asyncio.to_thread(work) if characters > _LONG_TEXT else work()


def _size(request: domain.ChatRequest) -> int:
    """Characters of a conversation."""
    said = [message.content for message in request.messages]
    said += [call.arguments for message in request.messages for call in message.tool_calls]
    said += [text for document in request.documents for text in (document.title, document.text)]
    said += [text for tool in request.tools for text in (tool.description, tool.parameters)]
    return sum(map(len, said))


def _check_conversation(request: domain.ChatRequest, model: ServedModel) -> None:
    validation.at_most("messages", len(request.messages), 256, least=1)
    validation.at_most("documents", len(request.documents), 64)
    if request.messages[-1].role not in (domain.Role.USER, domain.Role.TOOL):
        raise InvalidInput(
            f"messages[{len(request.messages) - 1}].role", "must be the user's or a tool's: it is the last"
        )
    for place, message in enumerate(request.messages):
        validation.check_text(f"messages[{place}].content", message.content, model)
        for number, call in enumerate(message.tool_calls):
            field = f"messages[{place}].tool_calls[{number}].arguments"
            validation.check_text(field, call.arguments, model)
    for place, document in enumerate(request.documents):
        validation.check_text(f"documents[{place}].text", document.text, model)


async def _run(
    model: ServedModel,
    ids: tuple[int, ...],
    field: str,
    request: domain.GenerateRequest | domain.ChatRequest,
    shown: frozenset[int] = frozenset(),
) -> AsyncGenerator[domain.GenerationEvent, None]:
    if model.generator is None:
        raise NotConfigured(f"{model.info.id} has no generator", "load a decoder")
    adapter = _adapter(model, request.lora)
    room = validation.answer_room(len(ids), request.sampling, model, field)
    # Sequence i takes seed + i, so the last one must still be a seed.
    seed = request.sampling.seed
    chosen = secrets.randbelow(validation.MAX_SEED - 16) if seed is None else seed
    if chosen + request.sampling.n - 1 > validation.MAX_SEED:
        raise InvalidInput("sampling.seed", "plus n must not exceed 2^63 - 1")
    call = current_call()
    task = domain.GenerationTask(
        prompt=ids,
        sampling=replace(request.sampling, max_tokens=room),
        max_tokens=room,
        seed=chosen,
        request_id=request.request_id or call.request_id,
        priority=request.priority,
        deadline=call.deadline,
        shown=shown,
        delta_interval_s=request.delta_interval_ms / 1e3,
        adapter=adapter,
    )
    started = domain.Started(task.request_id, model.info.id, len(ids), chosen)
    begun = False
    async with aclosing(model.generator.generate(task)) as events:
        async for event in events:
            if not begun:  # said only now, so that a request that is refused fails without a first message
                begun = True
                yield started
            yield event


def _adapter(model: ServedModel, name: str) -> Adapter | None:
    if not name:
        return None
    if model.loras is None:
        raise InvalidInput("lora", f"{model.info.id} {_NO_LORAS}")
    return model.loras.get(name)


async def _prompt_ids(prompt: domain.Prompt, model: ServedModel) -> tuple[tuple[int, ...], str]:
    if prompt.text is not None:
        validation.check_text("prompt.text", prompt.text, model)
        ids = await _aside(len(prompt.text), partial(model.codec.encode, prompt.text))
        return tuple(ids), "prompt.text"
    given = prompt.token_ids or ()
    if len(given) > model.info.context_length:
        raise InvalidInput(
            "prompt.token_ids", f"has {len(given)} tokens; the context is {model.info.context_length}"
        )
    validation.check_ids("prompt.token_ids.ids", given, model.info.vocabulary_size)
    return given, "prompt.token_ids"


def _checked(model: ServedModel, field: str, text: str, *, truncate: bool) -> str:
    if not text.strip():
        raise InvalidInput(field, "must not be empty")
    if truncate:
        return text[: model.info.context_length * 512]
    validation.check_text(field, text, model)
    return text


def _cut(model: ServedModel, field: str, ids: Sequence[int], *, truncate: bool) -> list[int]:
    room = model.info.context_length - model.codec.special_count
    if len(ids) > room and not truncate:
        raise InvalidInput(field, f"has {len(ids)} tokens; the model takes {room}")
    return model.codec.wrap(ids[:room])


def _numbered(field: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    return [(f"{field}[{place}]", text) for place, text in enumerate(texts)]
