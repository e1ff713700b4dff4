"""Running out of device memory is a refusal, not a crash: the next, smaller batch is served."""

from collections.abc import Iterator
from contextlib import contextmanager

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
