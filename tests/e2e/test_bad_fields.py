"""What is missing, unknown or out of range in any field of any request is told by name, and breaks nothing.

Each valid request of rpcs.py is spoilt in one place at a time; the places are read from the descriptors.
"""

import math

import grpc
import pytest
from e2e_rpcs import CASES, METHODS, World, call, details, owners, package_of
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from quadrille_client import Chunk, Document

INTEGERS = {Field.CPPTYPE_INT32: (-1, 2**31 - 1), Field.CPPTYPE_INT64: (-1, 2**63 - 1)}
FLOATS = (math.nan, math.inf, -1.0, 3e38)
# Answers that a caller can act on; INTERNAL, UNKNOWN and the like are bugs.
TOLD = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ABORTED,
}
# Changes the whole store; what it takes is a name, and that is tested elsewhere.
LEFT_OUT = {"Restore", "Compact", "Repair"}
PATHS = sorted(path for path, method in METHODS.items() if method.name not in LEFT_OUT)


@pytest.fixture(scope="module")
def world(stack, client):
    world = World("spoilt", owners(stack.ports), client)
    client.collections.create(world.books, 2)
    client.documents.upsert(
        world.books, [Document("a", "one word", chunks=[Chunk("one word", 0, 8, [1.0, 2.0])])]
    )
    yield world
    client.collections.delete(world.books)


def ask(world, path, request, door="gateway"):
    """The error of a call, or None."""
    try:
        call(world.address[door], path, request)
    except grpc.RpcError as error:
        return error
    return None


def blamed(error):
    return [item.field for item in details(error, error_details_pb2.BadRequest).field_violations]


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_request_is_answered_or_names_what_is_missing(world, path):
    kind = METHODS[path].input_type
    empty = GetMessageClass(kind)()
    for door in ("gateway", package_of(path)):
        error = ask(world, path, [empty] if METHODS[path].client_streaming else empty, door)
        if error is None:
            continue
        info = details(error, error_details_pb2.ErrorInfo)
        assert info.domain == "quadrille"
        if info.reason == "NOT_CONFIGURED":
            assert METHODS[path].name in ("FillMask", "Rerank")
            continue
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error.details()
        (field,) = blamed(error)
        known = {item.name for item in (*kind.fields, *kind.oneofs)}
        assert field.partition("[")[0].partition(".")[0] in known


def places(message, prefix=""):
    """(name, message, field) of every scalar that a request has or could have, one level into what is set."""
    for field in message.DESCRIPTOR.fields:
        name = f"{prefix}{field.name}"
        if field.message_type is None:
            yield name, message, field
        elif (
            field.message_type.GetOptions().map_entry or field.message_type.file.package == "google.protobuf"
        ):
            continue
        elif field.is_repeated:
            for number, item in enumerate(getattr(message, field.name)):
                yield from places(item, f"{name}[{number}].")
        elif message.HasField(field.name) or (field.containing_oneof is None and not prefix):
            yield from places(getattr(message, field.name), f"{name}.")


def spoilt(path, world, values):
    """(name, request) for each place and bad value; `values` gives those of a field."""
    first = CASES[path](world)
    base = first[-1] if isinstance(first, list) else first
    for name, _, field in list(places(type(base).FromString(base.SerializeToString()))):
        for value in values(field):
            copy = type(base).FromString(base.SerializeToString())
            target, own = next((m, f) for n, m, f in places(copy) if n == name)
            if own.is_repeated:
                getattr(target, own.name).append(value)
            else:
                setattr(target, own.name, value)
            yield name, [*first[:-1], copy] if isinstance(first, list) else copy


def enums(field):
    return [77] if field.enum_type is not None and not field.is_repeated else []


def numbers(field):
    if field.cpp_type in (Field.CPPTYPE_FLOAT, Field.CPPTYPE_DOUBLE):
        return FLOATS
    return INTEGERS.get(field.cpp_type, ())


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_enum_is_named(world, path):
    for name, request in spoilt(path, world, enums):
        if METHODS[path].client_streaming:
            continue
        error = ask(world, path, request)
        assert error is not None, name
        assert (error.code(), blamed(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [name])


@pytest.mark.parametrize("path", PATHS)
def test_numbers_out_of_range_break_nothing(world, path):
    for name, request in spoilt(path, world, numbers):
        error = ask(world, path, request)
        if error is not None:
            assert error.code() in TOLD, (name, error.details())
        if error is not None and error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            assert blamed(error), name
