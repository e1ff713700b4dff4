"""What balancing needs to know of a request: its model, its cost, and how its prompt begins."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from quadrille.image.v1 import image_pb2
from quadrille.text.v1 import text_pb2

from gateway.balancing.work import BLOCK_BYTES, MAX_BLOCKS, Load, Work, blocks_of

_BYTES_A_TOKEN = 4
_LIMIT = BLOCK_BYTES * MAX_BLOCKS
_MAX_TOKENS = 256  # the contract's default of sampling.max_tokens
_STEPS = 20  # of an image, when its model's own number is meant


def work_of(message: Message, capability: str) -> Work:
    """The work of a request; nothing but its model is looked at before there is a choice."""
    return Work(getattr(message, "model", ""), capability, lambda: load_of(message))


def load_of(message: Any) -> Load:
    """What a request costs, and the blocks of its prompt."""
    match message:
        case text_pb2.GenerateRequest() | text_pb2.ChatRequest():
            sampling = message.sampling
            written = max(0, sampling.max_tokens or _MAX_TOKENS) * max(1, sampling.n)
            read = message.ByteSize() // _BYTES_A_TOKEN
            return Load(read + written, _blocks(message))
        case text_pb2.ScoreRequest():
            return Load(message.ByteSize() // _BYTES_A_TOKEN, _blocks(message))
        case image_pb2.GenerateRequest() | image_pb2.EditRequest():
            parameters = message.parameters
            return Load(max(1, parameters.steps or _STEPS) * max(1, parameters.count))
        case _ if message.DESCRIPTOR.file.package == text_pb2.DESCRIPTOR.package:
            return Load(1 + message.ByteSize() // _BYTES_A_TOKEN)
        case _:
            return Load(_STEPS)


def _blocks(message: Any) -> tuple[bytes, ...]:
    """Those of what a model is given, whose work is another's when the model or the adapter is."""
    gathered = bytearray()
    for part in _parts(message):
        gathered += part
        if len(gathered) >= _LIMIT:
            break
    return blocks_of(bytes(gathered), f"{message.model}/{getattr(message, 'lora', '')}")


def _parts(message: Any) -> Iterator[bytes]:
    if isinstance(message, text_pb2.ChatRequest):
        for tool in message.tools:
            yield f"{tool.name}\0{tool.description}\0{tool.parameters}\0".encode()
        for turn in message.messages:
            yield f"{turn.role}\0{turn.content[:_LIMIT]}\0".encode()
    elif message.prompt.WhichOneof("form") == "token_ids":
        ids = message.prompt.token_ids.ids[: _LIMIT // _BYTES_A_TOKEN]
        yield b"".join(item.to_bytes(_BYTES_A_TOKEN, "little", signed=True) for item in ids)
    else:
        yield message.prompt.text[:_LIMIT].encode()
