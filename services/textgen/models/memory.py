"""Running out of device memory is a refusal, not a crash; and weights that were packed are given back."""

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from serving.errors import Overloaded
from torch import Tensor, nn


@contextmanager
def out_of_memory_refused() -> Iterator[None]:
    """Turn the device's out-of-memory error into Overloaded, and give its cached blocks back."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise Overloaded("the device is out of memory for this batch", retry_after_s=1.0) from error


def release(module: nn.Module) -> None:
    """Let go of weights that have been packed; their names stay, their memory goes, also that of a mapped file."""
    for parameter in module.parameters():
        _drop_pages(parameter.data)
        parameter.data = parameter.data.new_empty(0)


def _drop_pages(tensor: Tensor) -> None:
    # Pages of a mapped file stay in memory for as long as any tensor of the file lives.
    begin = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    size = (tensor.data_ptr() + tensor.nbytes - begin) // mmap.PAGESIZE * mmap.PAGESIZE
    if tensor.device.type == "cpu" and size > 0:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(size), mmap.MADV_DONTNEED)
