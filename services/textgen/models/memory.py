"""Running out of device memory is a refusal, not a crash; and what is not needed any more is given back."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from serving.errors import Overloaded


@contextmanager
def out_of_memory_refused() -> Iterator[None]:
    """Turn the device's out-of-memory error into Overloaded, and give its cached blocks back."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise Overloaded("the device is out of memory for this batch", retry_after_s=1.0) from error


def release(model: Any) -> None:
    """Let go of a model's weights, which have been packed, and of what loading left behind; its shape stays known."""
    for parameter in model.parameters():
        parameter.data = parameter.data.new_empty(0)
    with suppress(OSError, AttributeError):  # of glibc alone; it keeps what is freed unless told
        ctypes.CDLL(None).malloc_trim(0)
