"""The proto's Tensor: checked before its bytes become an array."""

import math

import numpy as np
from numpy.typing import NDArray
from quadrille.image.v1 import image_pb2 as pb
from serving.errors import InvalidInput

_MAX_DIMENSIONS = 8
_DTYPE = np.dtype("<f4")


def from_tensor(field: str, message: pb.Tensor) -> NDArray[np.float32]:
    """The array of a tensor. Raises InvalidInput unless shape and data agree and all values are finite."""
    shape = tuple(message.shape)
    if not 1 <= len(shape) <= _MAX_DIMENSIONS or min(shape) < 1:
        raise InvalidInput(f"{field}.shape", f"must be 1 to {_MAX_DIMENSIONS} positive sizes")
    expected = math.prod(shape) * _DTYPE.itemsize
    if len(message.data) != expected:
        raise InvalidInput(
            f"{field}.data", f"must be {expected} bytes for its shape, not {len(message.data)}"
        )
    array = np.frombuffer(message.data, dtype=_DTYPE).reshape(shape)
    if not np.isfinite(array).all():
        raise InvalidInput(f"{field}.data", "must be finite numbers")
    # A copy: torch takes writable arrays only.
    return array.astype(np.float32)


def to_tensor(array: NDArray[np.float32]) -> pb.Tensor:
    """An array as a tensor."""
    return pb.Tensor(shape=array.shape, data=np.ascontiguousarray(array, dtype=_DTYPE).tobytes())
