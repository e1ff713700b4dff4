import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imagegen.tensors import from_tensor, to_tensor
from quadrille.image.v1 import image_pb2 as pb
from serving.errors import InvalidInput


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_round_trip(shape: list[int]) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert np.array_equal(from_tensor("t", to_tensor(array)), array)


@pytest.mark.parametrize(
    ("shape", "data", "field"),
    [
        ((), b"", "t.shape"),
        ((0,), b"", "t.shape"),
        ((-2, -2), b"\0" * 16, "t.shape"),
        ((1,) * 9, b"\0" * 4, "t.shape"),
        ((2, 2), b"\0" * 12, "t.data"),
        ((2**31 - 1,) * 8, b"\0" * 4, "t.data"),
        ((1,), np.array([np.nan], dtype="<f4").tobytes(), "t.data"),
        ((1,), np.array([-np.inf], dtype="<f4").tobytes(), "t.data"),
    ],
)
def test_malformed_tensors_are_refused(shape: tuple[int, ...], data: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_tensor("t", pb.Tensor(shape=shape, data=data))
    assert caught.value.field == field
