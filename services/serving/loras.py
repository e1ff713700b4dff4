"""The LoRA adapters of a model, by name. On the event loop; only reading a folder is left to a thread.

A request takes hold of its adapter when it is accepted. So nothing has to wait for anything: an adapter that is
unloaded is gone once the last request that holds it has ended, and one that is loaded is new in the next request.
"""

import asyncio
import gc
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import ref

from serving.errors import AlreadyExists, FailedPrecondition, InvalidInput, NotConfigured, NotFound

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KIND = "LoRA adapter"


class LoraUnfit(FailedPrecondition):
    """A folder holds no adapter that the model can be served with; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__("LORA_UNFIT", message)


class LoraLimit(FailedPrecondition):
    """An adapter is over a limit of the server; the message names it."""

    def __init__(self, message: str) -> None:
        super().__init__("LORA_LIMIT", message)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Adapter:
    """A LoRA adapter in memory, which lives for as long as somebody holds it; `weights` are a model's own matter.

    The digest (SHA-256, hex) is of its folder's content: what is cached under one digest is right for no other.
    """

    name: str
    rank: int
    size_bytes: int
    sha256: str
    weights: Any


# Reads a name's folder into at most so many bytes; LoraUnfit, LoraLimit, or Overloaded when the device has none.
Reader = Callable[[str, Path, int], Adapter]


@dataclass(frozen=True, slots=True)
class LoraOptions:
    """Where adapters may be loaded from, and how many, of what rank, with how many bytes together, a model may have."""

    directory: Path | None
    max_count: int
    max_rank: int
    max_bytes: int


def is_name(name: str) -> bool:
    """Whether it may name an adapter. No such name leaves the directory."""
    return _NAME.fullmatch(name) is not None


def check_name(field: str, name: str) -> None:
    """InvalidInput unless it may name an adapter."""
    if not is_name(name):
        raise InvalidInput(
            field, "must be 1 to 64 letters, digits, '.', '_' and '-', beginning with one of the first two"
        )


class Loras:
    """Adapters by name, in the order of loading."""

    def __init__(self, read: Reader, options: LoraOptions) -> None:
        self._read = read
        self._options = options
        self._loaded: dict[str, Adapter] = {}
        # With their bytes; also those that requests alone still hold.
        self._alive: list[tuple[ref[Adapter], int]] = []
        self._turn = asyncio.Lock()

    @property
    def loaded(self) -> tuple[Adapter, ...]:
        """All that is loaded."""
        return tuple(self._loaded.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What requests may name."""
        return tuple(self._loaded)

    def get(self, name: str) -> Adapter:
        """One adapter, or NotFound."""
        if name not in self._loaded:
            raise NotFound(_KIND, name)
        return self._loaded[name]

    async def load(self, name: str, folder: Path | None = None) -> Adapter:
        """Read an adapter from a folder or, without one, from that of its name below the directory.

        InvalidInput, NotConfigured, AlreadyExists, NotFound, LoraUnfit, LoraLimit, Overloaded.
        """
        check_name("name", name)
        async with self._turn:
            folder, room = folder or self._folder(name), self._room(name)
            if not folder.is_dir():
                raise NotFound(_KIND, name)
            try:
                adapter = await asyncio.to_thread(self._read, name, folder, room)
            except (LoraUnfit, LoraLimit) as error:
                raise type(error)(f"{_KIND} {name!r}: {error.message}") from error
            self._loaded[name] = adapter
            self._alive.append((ref(adapter), adapter.size_bytes))
            return adapter

    def unload(self, name: str) -> None:
        """Forget an adapter; who holds it goes on with it. InvalidInput, NotFound."""
        check_name("name", name)
        self.get(name)
        del self._loaded[name]

    def _folder(self, name: str) -> Path:
        """Where an adapter of this name would be. NotFound for a link that leads elsewhere."""
        if self._options.directory is None:
            raise NotConfigured("no adapter can be loaded", "set the option lora_dir")
        directory = self._options.directory.resolve()
        folder = (directory / name).resolve()
        if folder.parent != directory:
            raise NotFound(_KIND, name)
        return folder

    def _room(self, name: str) -> int:
        """Bytes that another adapter may take."""
        if name in self._loaded:
            raise AlreadyExists(_KIND, name)
        if len(self._loaded) >= self._options.max_count:
            raise LoraLimit(f"{len(self._loaded)} adapters are loaded, as many as may be")
        if len(self._alive) > len(self._loaded):
            gc.collect()  # a call that failed may be left in a cycle with its traceback, and hold its adapter
        self._alive = [each for each in self._alive if each[0]() is not None]
        room = self._options.max_bytes - sum(size for _, size in self._alive)
        if room <= 0:
            raise LoraLimit("no memory is left for adapters, beside those that are loaded or still used")
        return room


def split_lora(item: str) -> tuple[str, str, Path | None]:
    """Model, name and folder of "[model/]name[=folder]"; "" and None for what is left out."""
    names, _, folder = item.partition("=")
    model_id, _, name = names.strip().rpartition("/")
    return model_id, name, Path(folder.strip()) if folder.strip() else None
