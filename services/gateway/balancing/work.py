"""What balancing knows of a request."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

BLOCK_BYTES = 512
BLOCK_TOKENS = 128  # what a block is reckoned as: four bytes a token
MAX_BLOCKS = 32


@dataclass(frozen=True, slots=True)
class Load:
    """What a request costs a server, in tokens or in denoising steps, and which blocks its prompt begins with."""

    cost: int = 1
    blocks: tuple[bytes, ...] = ()


def _light() -> Load:
    return Load()


@dataclass(frozen=True, slots=True)
class Work:
    """A request to be sent to a server.

    `model` is empty when the request names none; `capability` is the contract's name in lower case. `weigh` is
    asked only where there is a choice. A request that cannot be sent twice, because it is a stream, is not
    `repeatable`.
    """

    model: str = ""
    capability: str = ""
    weigh: Callable[[], Load] = _light
    repeatable: bool = True


def blocks_of(prompt: bytes, seed: str = "") -> tuple[bytes, ...]:
    """A digest for each whole block at the prompt's beginning, each over all bytes up to its end.

    Two prompts share as many digests as they share blocks, if `seed` (the model, an adapter) is the same. At most
    MAX_BLOCKS. The same in every process.
    """
    chain = hashlib.blake2b(seed.encode(), digest_size=8)
    digests = []
    for end in range(BLOCK_BYTES, min(len(prompt), BLOCK_BYTES * MAX_BLOCKS) + 1, BLOCK_BYTES):
        chain.update(prompt[end - BLOCK_BYTES : end])
        digests.append(chain.digest())
    return tuple(digests)
