"""Every method of every service in the contract answers, through the gateway and at the service that owns it.

The methods are read from the descriptors, so one without a case in rpcs.py fails.
"""

import grpc
import pytest
from e2e_rpcs import CASES, METHODS, SERVICES, TEXT, World, call, details, owners, package_of
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from quadrille_client import Chunk, Client, Document

OPTIONS = {"text": "QUADRILLE_TEXTGEN_MODELS", "image": "QUADRILLE_IMAGEGEN_MODELS"}
TOOLS = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


@pytest.fixture(scope="module", params=["gateway", "owner"])
def world(request, stack, client):
    """The door that a case goes through; the owner's address is looked up by the method."""
    world = World(request.param, owners(stack.ports), client)
    client.collections.create(world.books, 2)
    kept = Document("a", "one word", chunks=[Chunk("one word", 0, 8, [1.0, 2.0])])
    client.documents.upsert(world.books, [kept])
    yield world
    client.collections.delete(world.books)


def unconfigured(client, path):
    """The option that would load a model for this method, when no loaded model can do it."""
    package, method = package_of(path), METHODS[path].name
    if package not in OPTIONS:
        return None
    listed = client.models() if package == "text" else client.images.models()
    others = {
        "FillMask": "fill_mask",
        "Detokenize": "tokenize",
        "LoadLora": "generate",
        "UnloadLora": "generate",
        "ListLoras": "generate",
    }
    needed = others.get(method, method.lower())
    known = {capability for model in listed for capability in model.capabilities}
    return None if needed in known or method in ("ListModels", "GetModel") else OPTIONS[package]


def test_each_method_has_a_case():
    assert set(CASES) == set(METHODS)
    assert len(SERVICES) == 9


@pytest.mark.parametrize("path", sorted(METHODS))
def test_it_answers(world, client, path):
    address = world.address["gateway" if world.name == "gateway" else package_of(path)]
    option = unconfigured(client, path)
    if option is None:
        answers = call(address, path, CASES[path](world))
        assert answers
        if METHODS[path].server_streaming:
            assert answers[-1].WhichOneof("event") == "finished"
            assert [answer.WhichOneof("event") for answer in answers].count("finished") == 1
        return
    with pytest.raises(grpc.RpcError) as caught:
        call(address, path, CASES[path](world))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert details(caught.value, error_details_pb2.ErrorInfo).reason == "NOT_CONFIGURED"
    assert option in caught.value.details()


def reflected(address, **request):
    with grpc.insecure_channel(address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(**request)
        return next(iter(stub.ServerReflectionInfo(iter([asked]), timeout=30)))


@pytest.mark.parametrize("door", ["text", "image", "retrieval", "gateway"])
def test_reflection_lists_and_describes_what_is_served(stack, door):
    address = owners(stack.ports)[door]
    listed = reflected(address, list_services="").list_services_response.service
    wanted = {name for name in SERVICES if door in ("gateway", package_of(name))}
    others = {"inference.GRPCInferenceService"} if door == "gateway" else set()
    assert {service.name for service in listed} == wanted | TOOLS | others
    for name in wanted:
        files = reflected(address, file_containing_symbol=name).file_descriptor_response.file_descriptor_proto
        described = [descriptor_pb2.FileDescriptorProto.FromString(file) for file in files]
        (service,) = (
            item for file in described for item in file.service if f"{file.package}.{item.name}" == name
        )
        assert [method.name for method in service.method] == [m.name for m in SERVICES[name].methods]


@pytest.mark.parametrize("door", ["text", "image", "retrieval", "gateway"])
def test_health_knows_each_service(stack, door):
    with Client(owners(stack.ports)[door]) as there:
        for name in ("", *(name for name in SERVICES if door in ("gateway", package_of(name)))):
            assert there.is_serving(name)


@pytest.mark.parametrize("door", ["text", "image", "retrieval", "gateway"])
def test_what_the_contract_lacks_is_unimplemented(stack, door):
    with grpc.insecure_channel(owners(stack.ports)[door]) as channel:
        for path in (f"/{TEXT}/Dance", "/quadrille.text.v2.TextService/Chat", "/nonsense"):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(path)(b"", timeout=30)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("door", ["text", "image", "retrieval", "gateway"])
def test_what_is_over_the_limit_or_oddly_compressed_is_refused(stack, door):
    path = f"/{next(name for name in METHODS if package_of(name) == door)}"
    with grpc.insecure_channel(owners(stack.ports)[door]) as channel:
        method = channel.stream_stream(path)  # any kind will do: both end before the handler
        for data, compression, code in (
            (bytes(33 * 1024 * 1024), None, grpc.StatusCode.RESOURCE_EXHAUSTED),
            (bytes(1024), grpc.Compression.Deflate, grpc.StatusCode.UNIMPLEMENTED),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                list(method(iter([data]), timeout=60, compression=compression))
            assert caught.value.code() is code
