"""Streams of events: iterate them, or collect them whole; leaving the context cancels the call."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc

from quadrille_client._async.transport import REPLAYED_KEY, RESUME_KEY, AsyncTransport, time_left
from quadrille_client.convert import image, rag, text, tools
from quadrille_client.errors import NotFoundError, from_rpc_error
from quadrille_client.types import image as image_types
from quadrille_client.types import rag as rag_types
from quadrille_client.types import text as text_types

Event = TypeVar("Event")


class AsyncStream(Generic[Event]):
    """Events of one call.

    Retried before its first message only, since later ones may have been acted on; a named one, whose gateway remembers
    what it said, is resumed after the last message that came.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        method: Callable[..., Any],
        request: Any,
        convert: Callable[[Any], Event | None],
    ) -> None:
        self._transport = transport
        self._method = method
        self._request = request
        self._convert = convert
        self._call: Any = None
        self._events = self._read()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
        await self._events.aclose()

    def cancel(self) -> None:
        """Stop the call; harmless when it is over."""
        if self._call is not None:
            self._call.cancel()

    async def _read(self) -> AsyncGenerator[Event, None]:
        deadline, metadata = self._transport.deadline(), self._transport.metadata()
        taken, attempt, lost = 0, 0, None
        while True:
            place = ((RESUME_KEY, str(taken)),) if lost is not None and taken else ()
            left = time_left(deadline)
            self._call = self._method(self._request, timeout=left, metadata=(*metadata, *place))
            try:
                async for message in self._call:
                    if place and REPLAYED_KEY not in dict(await self._call.initial_metadata()):
                        self._call.cancel()  # it begins anew
                        assert lost is not None
                        raise lost
                    place = ()
                    taken, attempt = taken + 1, 0
                    event = self._convert(message)
                    if event is not None:
                        yield event
                return
            except grpc.RpcError as error:
                failure = from_rpc_error(error)
                if taken and lost is not None and isinstance(failure, NotFoundError):
                    raise lost from error  # nothing to be resumed: what broke it is what matters
                mended = not taken or self._transport.name
                left = time_left(deadline)
                delay = self._transport.policy.delay_s(failure, attempt, left) if mended else None
                if delay is None:
                    raise failure from error
                lost = failure
            await asyncio.sleep(delay)
            attempt += 1


TextEvent = text_types.Started | text_types.PromptLogprobs | text_types.Delta | text_types.Finished


class AsyncTextStream(AsyncStream[TextEvent]):
    """A generation."""

    def __init__(self, transport: AsyncTransport, method: Callable[..., Any], request: Any) -> None:
        super().__init__(transport, method, request, text.event)

    async def collect(self) -> text_types.Generation:
        """Read to the end."""
        prompt: list[text_types.TokenLogprob] = []
        pieces: dict[int, list[text_types.Delta]] = {}
        started, finished = None, None
        async with self:
            async for event in self:
                if isinstance(event, text_types.Started):
                    started = event
                elif isinstance(event, text_types.PromptLogprobs):
                    prompt += event.tokens
                elif isinstance(event, text_types.Delta):
                    pieces.setdefault(event.index, []).append(event)
                else:
                    finished = event
        assert started is not None
        assert finished is not None
        deltas = [pieces.get(end.index, []) for end in finished.sequences]
        return text_types.Generation(
            texts=tuple("".join(delta.text for delta in items) for items in deltas),
            started=started,
            finished=finished,
            logprobs=tuple(tuple(entry for delta in items for entry in delta.logprobs) for items in deltas),
            prompt_logprobs=tuple(prompt),
            calls=tuple(
                tools.joined([call for delta in items for call in delta.tool_calls]) for items in deltas
            ),
        )


class AsyncImageStream(AsyncStream[image.Event]):
    """A run that makes images."""

    def __init__(self, transport: AsyncTransport, method: Callable[..., Any], request: Any) -> None:
        super().__init__(transport, method, request, image.event)

    async def collect(self) -> tuple[image_types.ImageResult, ...]:
        """Read to the end; the images in order."""
        async with self:
            images = [event async for event in self if isinstance(event, image_types.ImageResult)]
        return tuple(sorted(images, key=lambda result: result.index))


class AsyncAnswerStream(AsyncStream[rag.Event]):
    """An answer that rests on documents."""

    def __init__(self, transport: AsyncTransport, method: Callable[..., Any], request: Any) -> None:
        super().__init__(transport, method, request, rag.event)

    async def collect(self) -> rag_types.Answer:
        """Read to the end."""
        async with self:
            events = [event async for event in self]
        (retrieved,) = (event for event in events if isinstance(event, rag_types.Retrieved))
        (finished,) = (event for event in events if isinstance(event, rag_types.AskFinished))
        return rag_types.Answer(
            text="".join(event.text for event in events if isinstance(event, rag_types.AnswerDelta)),
            passages=retrieved.passages,
            citations=tuple(event for event in events if isinstance(event, rag_types.Citation)),
            finished=finished,
            rewritten=next((event for event in events if isinstance(event, rag_types.Rewritten)), None),
            omitted=retrieved.omitted,
        )
