"""Requests and results of the Open Inference Protocol as the gateway sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Parameter = bool | int | float | str


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor that a model takes or gives; -1 in its shape is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An output, its elements in row-major order: texts (BYTES) or numbers (FP32)."""

    name: str
    shape: tuple[int, ...]
    texts: tuple[str, ...] = ()
    numbers: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A model's inputs, as texts by name; no outputs asked for are all of them."""

    model: str
    inputs: Mapping[str, tuple[str, ...]]
    outputs: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    id: str = ""
    raw: bool = False  # how the elements came, and are to go back


@dataclass(frozen=True, slots=True)
class InferResult:
    """A model's outputs, with facts of the answer; of a stream's pieces the last one is final."""

    model: str
    outputs: tuple[Tensor, ...]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    final: bool = True
