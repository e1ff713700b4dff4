"""Filters and JSON values."""

import math
from typing import Any

from google.protobuf import struct_pb2
from quadrille.retrieval.v1 import filter_pb2
from serving.errors import InvalidInput

from retrieval import filters, limits
from retrieval.filters import Filter


def filter_from_proto(message: filter_pb2.Filter, path: str) -> Filter:
    """Read a filter; raises InvalidInput naming the part at fault."""
    return _Reading(path).read(message, path, 1)


class _Reading:
    """Depth and parts are bounded while the tree is read, so a giant one is never copied."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._parts = 0

    def read(self, message: filter_pb2.Filter, path: str, depth: int) -> Filter:
        self._parts += 1
        if self._parts > limits.MAX_FILTER_PARTS:
            raise InvalidInput(self._path, f"has more than {limits.MAX_FILTER_PARTS} parts")
        if depth > limits.MAX_FILTER_DEPTH:
            raise InvalidInput(self._path, f"is nested more than {limits.MAX_FILTER_DEPTH} deep")
        match message.WhichOneof("kind"):
            case "condition":
                return _condition(message.condition, f"{path}.condition")
            case "all":
                return filters.All(self._list(message.all, f"{path}.all", depth))
            case "any":
                return filters.Any(self._list(message.any, f"{path}.any", depth))
            case "not":
                return filters.Not(self.read(getattr(message, "not"), f"{path}.not", depth + 1))
        raise InvalidInput(f"{path}.kind", "must be set")

    def _list(self, message: filter_pb2.FilterList, path: str, depth: int) -> tuple[Filter, ...]:
        if not 1 <= len(message.filters) <= limits.MAX_FILTER_LIST:
            raise InvalidInput(f"{path}.filters", f"must hold 1 to {limits.MAX_FILTER_LIST} filters")
        return tuple(
            self.read(part, f"{path}.filters[{i}]", depth + 1) for i, part in enumerate(message.filters)
        )


def _condition(message: filter_pb2.Condition, path: str) -> Filter:
    field = filters.check_field(message.field, f"{path}.field")
    match message.WhichOneof("test"):
        case "equals":
            return filters.AnyOf(field, (_scalar(message.equals, f"{path}.equals"),))
        case "any_of":
            values = message.any_of.values
            if not 1 <= len(values) <= limits.MAX_ANY_OF:
                raise InvalidInput(f"{path}.any_of", f"must hold 1 to {limits.MAX_ANY_OF} values")
            return filters.AnyOf(
                field,
                tuple(_scalar(value, f"{path}.any_of.values[{i}]") for i, value in enumerate(values)),
            )
        case "range":
            bounds = message.range
            return filters.Between(
                field,
                *(
                    getattr(bounds, name) if bounds.HasField(name) else None
                    for name in ("gte", "gt", "lte", "lt")
                ),
            )
        case "prefix":
            return filters.Prefix(field, message.prefix)
        case "exists":
            return filters.Exists(field, message.exists)
    raise InvalidInput(f"{path}.test", "must be set")


def _scalar(value: struct_pb2.Value, path: str) -> filters.Scalar:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "number_value" if math.isfinite(value.number_value):
            return value.number_value
    raise InvalidInput(path, "must be a string, a finite number or a bool")


def struct_to_dict(struct: struct_pb2.Struct, path: str, depth: int = 1) -> dict[str, Any]:
    """Read a JSON object; raises InvalidInput when it is nested too deep."""
    if depth > limits.MAX_METADATA_DEPTH:
        raise InvalidInput(path, f"must be nested at most {limits.MAX_METADATA_DEPTH} deep")
    return {key: _value(value, path, depth + 1) for key, value in struct.fields.items()}


def dict_to_struct(values: dict[str, Any]) -> struct_pb2.Struct:
    """Write a JSON object."""
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def _value(value: struct_pb2.Value, path: str, depth: int) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return struct_to_dict(value.struct_value, path, depth)
        case "list_value":
            if depth > limits.MAX_METADATA_DEPTH:
                raise InvalidInput(path, f"must be nested at most {limits.MAX_METADATA_DEPTH} deep")
            return [_value(item, path, depth + 1) for item in value.list_value.values]
        case "number_value":
            return value.number_value
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
    return None
