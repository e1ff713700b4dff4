"""Strategies of protobuf messages, for fuzzing."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

Overrides = Mapping[str, st.SearchStrategy[Any]]
MOST = 4  # elements of a repeated field, most of the time

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
}


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.cpp_type in _INTEGERS:
        low, high = _INTEGERS[field.cpp_type]
        # Mostly what may well be meant, so that most of a message passes and its end is reached.
        few = st.integers(0, 9)
        return st.one_of(
            few, few, few, st.sampled_from((low, high, max(low, -1), 1000)), st.integers(low, high)
        )
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_FLOAT:
            return st.one_of(st.floats(0, 1, width=32), st.floats(0, 2, width=32), st.floats(width=32))
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return st.one_of(st.floats(0, 1), st.floats(0, 2), st.floats())
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=64)
    return st.text(max_size=40)


def _element(field: FieldDescriptor, overrides: Overrides, rare: Collection[str]) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return _message(field.message_type._concrete_class, overrides, rare)
    return overrides[field.name] if field.name in overrides else _scalar(field)


def _message(
    kind: type[Message], overrides: Overrides, rare: Collection[str] = ()
) -> st.SearchStrategy[Message]:
    """Messages of a kind: one field of each oneof, a few or most of the optional ones, nearly always the others.

    Messages in fields that are said to be rare are as rare as optional fields can be.
    """
    optional = {field for field in kind.DESCRIPTOR.fields if field.has_presence and not field.message_type}
    oneofs = [list(oneof.fields) for oneof in kind.DESCRIPTOR.oneofs if not oneof.name.startswith("_")]
    optional = optional.difference(*oneofs)

    @st.composite
    def build(draw: st.DrawFn) -> Message:
        message = kind()
        left = set[FieldDescriptor]().union(*oneofs) - {draw(st.sampled_from(each)) for each in oneofs}
        share = draw(st.sampled_from((1, 4, 12)))  # of sixteen
        for field in kind.DESCRIPTOR.fields:
            usual = 1 if field.name in rare else share if field in optional else 15
            if field in left or draw(st.integers(1, 16)) > usual:
                continue
            entry = field.message_type if field.is_repeated and field.message_type else None
            if entry is not None and entry.GetOptions().map_entry:
                keys, values = (
                    _element(entry.fields_by_name[name], overrides, rare) for name in ("key", "value")
                )
                getattr(message, field.name).update(draw(st.dictionaries(keys, values, max_size=MOST)))
            elif field.is_repeated:
                getattr(message, field.name).extend(
                    draw(st.lists(_element(field, overrides, rare), max_size=MOST))
                )
            elif field.message_type is not None:
                getattr(message, field.name).CopyFrom(draw(_element(field, overrides, rare)))
            else:
                setattr(message, field.name, draw(_element(field, overrides, rare)))
        return message

    return build()


@pytest.fixture(scope="session")
def messages() -> Callable[..., st.SearchStrategy[Message]]:
    """`messages(kind, name=strategy, ...)`: messages whose scalar fields of a name have values of their own."""

    def of(
        kind: type[Message], *, rare: Collection[str] = (), **overrides: st.SearchStrategy[Any]
    ) -> st.SearchStrategy[Message]:
        return _message(kind, overrides, rare)

    return of
