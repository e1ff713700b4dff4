"""Filters in the retrieval service's wire form."""

from google.protobuf import struct_pb2
from quadrille.retrieval.v1 import filter_pb2

from gateway.domain import filters as domain


def filter_to_proto(filter: domain.Filter) -> filter_pb2.Filter:
    """The wire form of a filter; the store judges its size and its names."""
    match filter:
        case domain.Not(inner):
            message = filter_pb2.Filter()
            getattr(message, "not").CopyFrom(filter_to_proto(inner))
            return message
        case domain.All(filters):
            return filter_pb2.Filter(all=_list(filters))
        case domain.Any(filters):
            return filter_pb2.Filter(any=_list(filters))
        case _:
            return filter_pb2.Filter(condition=_condition(filter))


def _list(filters: tuple[domain.Filter, ...]) -> filter_pb2.FilterList:
    return filter_pb2.FilterList(filters=map(filter_to_proto, filters))


def _condition(
    filter: domain.Equals | domain.AnyOf | domain.Within | domain.Exists,
) -> filter_pb2.Condition:
    condition = filter_pb2.Condition(field=filter.field)
    match filter:
        case domain.Equals(_, value):
            _set(condition.equals, value)
        case domain.AnyOf(_, values):
            condition.any_of.SetInParent()
            for value in values:
                _set(condition.any_of.values.add(), value)
        case domain.Within():
            bounds = {name: getattr(filter, name) for name in ("gte", "gt", "lte", "lt")}
            condition.range.CopyFrom(filter_pb2.Range(**bounds))
        case domain.Exists():
            condition.exists = True
    return condition


def _set(message: struct_pb2.Value, value: domain.Scalar) -> None:
    if isinstance(value, str):
        message.string_value = value
    elif isinstance(value, bool):
        message.bool_value = value
    else:
        message.number_value = value
