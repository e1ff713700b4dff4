"""Messages of the Open Inference Protocol, both ways."""

import struct
from collections.abc import Iterable, Mapping, Sequence

from quadrille.kserve import open_inference_pb2 as pb
from serving.errors import InvalidInput, NotFound

from gateway.domain import inference as domain

VERSION = "1"
_PLATFORM = "quadrille_text"


def model_of(name: str, version: str) -> str:
    """A model's name; raises NotFound for a version that there is not."""
    if version not in ("", VERSION):
        raise NotFound("model", f"{name}:{version}")
    return name


def request_from_proto(message: pb.ModelInferRequest) -> domain.InferRequest:
    """A request; raises InvalidInput that names the field at fault."""
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise InvalidInput("raw_input_contents", "must be one for each input")
    inputs: dict[str, tuple[str, ...]] = {}
    for place, tensor in enumerate(message.inputs):
        field = f"inputs[{place}]"
        _no_parameters(tensor.parameters, field)
        if tensor.name in inputs:
            raise InvalidInput(f"{field}.name", "stands twice")
        if tensor.datatype != "BYTES":
            raise InvalidInput(f"{field}.datatype", "must be BYTES: models take texts here")
        if raw and tensor.HasField("contents"):
            raise InvalidInput(f"{field}.contents", "excludes raw_input_contents")
        source = f"raw_input_contents[{place}]" if raw else f"{field}.contents.bytes_contents"
        elements = _split(raw[place], source) if raw else list(tensor.contents.bytes_contents)
        if not _is_shape_of(tensor.shape, len(elements)):
            raise InvalidInput(f"{field}.shape", f"must be of the {len(elements)} elements that there are")
        inputs[tensor.name] = _texts(elements, source)
    for place, output in enumerate(message.outputs):
        _no_parameters(output.parameters, f"outputs[{place}]")
    return domain.InferRequest(
        model_of(message.model_name, message.model_version),
        inputs,
        tuple(output.name for output in message.outputs),
        {name: _parameter(name, value) for name, value in message.parameters.items()},
        message.id,
        bool(raw),
    )


def result_to_proto(result: domain.InferResult, request: domain.InferRequest) -> pb.ModelInferResponse:
    """The response, its elements in the form of the request's."""
    response = pb.ModelInferResponse(model_name=result.model, model_version=VERSION, id=request.id)
    for name, value in result.parameters.items():
        _set_parameter(response.parameters[name], value)
    for tensor in result.outputs:
        numbers = tensor.numbers
        datatype = "BYTES" if numbers is None else "FP32"
        output = response.outputs.add(name=tensor.name, datatype=datatype, shape=tensor.shape)
        texts = [text.encode() for text in tensor.texts]
        if not request.raw:
            output.contents.fp32_contents.extend(numbers or ())
            output.contents.bytes_contents.extend(texts)
        elif numbers is None:
            response.raw_output_contents.append(b"".join(struct.pack("<I", len(t)) + t for t in texts))
        else:
            response.raw_output_contents.append(struct.pack(f"<{len(numbers)}f", *numbers))
    return response


def metadata_to_proto(model: str, signature: domain.Signature) -> pb.ModelMetadataResponse:
    """What a model takes and gives."""

    def told(specs: Iterable[domain.TensorSpec]) -> list[pb.ModelMetadataResponse.TensorMetadata]:
        kind = pb.ModelMetadataResponse.TensorMetadata
        return [kind(name=item.name, datatype=item.datatype, shape=item.shape) for item in specs]

    return pb.ModelMetadataResponse(
        name=model,
        versions=[VERSION],
        platform=_PLATFORM,
        inputs=told(signature.inputs),
        outputs=told(signature.outputs),
    )


def _is_shape_of(shape: Sequence[int], count: int) -> bool:
    """Whether it has so many elements; a product beyond them is not worked out: it takes time without bound."""
    if 0 in shape or any(size < 0 for size in shape):
        return not count and min(shape) == 0
    product = 1
    for size in shape:
        product *= size
        if product > count:
            return False
    return product == count


def _split(data: bytes, field: str) -> list[bytes]:
    """The elements of a raw tensor of BYTES."""
    elements, place = [], 0
    while place < len(data):
        start = place + 4
        end = start + int.from_bytes(data[place:start], "little")
        if end > len(data) or start > len(data):
            raise InvalidInput(field, "must be elements, each after its size in four bytes")
        elements.append(data[start:end])
        place = end
    return elements


def _texts(elements: Iterable[bytes], field: str) -> tuple[str, ...]:
    try:
        return tuple(element.decode() for element in elements)
    except UnicodeDecodeError:
        raise InvalidInput(field, "must be UTF-8") from None


def _no_parameters(parameters: Mapping[str, pb.InferParameter], field: str) -> None:
    for name in parameters:
        raise InvalidInput(f"{field}.parameters.{name}", "is not known")


def _parameter(name: str, message: pb.InferParameter) -> domain.Parameter:
    kind = message.WhichOneof("parameter_choice")
    if kind is None:
        raise InvalidInput(f"parameters.{name}", "must have a value")
    value: domain.Parameter = getattr(message, kind)
    return value


def _set_parameter(message: pb.InferParameter, value: domain.Parameter) -> None:
    if isinstance(value, bool):
        message.bool_param = value
    elif isinstance(value, int):
        message.int64_param = value
    elif isinstance(value, float):
        message.double_param = value
    else:
        message.string_param = value
