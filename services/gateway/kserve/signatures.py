"""What a text model is to the protocol: one thing that it does, with the tensors and parameters of that."""

from collections.abc import Mapping

from serving.errors import InvalidInput

from gateway.domain.inference import InferRequest, Parameter, Signature, TensorSpec
from gateway.domain.text import Sampling, TextCapability, TextModel

# A model with several abilities is served by the first of these.
TASKS = (TextCapability.EMBED, TextCapability.RERANK, TextCapability.GENERATE)
# Sent by Triton's client; a stream's last response is never left out here.
STREAM_OPTION = "triton_enable_empty_final_response"

_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)
_SAMPLING: Mapping[str, range | type] = {
    "temperature": float,
    "top_p": float,
    "top_k": _INT32,
    "min_p": float,
    "frequency_penalty": float,
    "presence_penalty": float,
    "repetition_penalty": float,
    "max_tokens": _INT32,
    "seed": _INT64,
    "ignore_eos": bool,
    "stop": str,
}
_EMBEDDING: Mapping[str, range | type] = {"dimensions": _INT32, "truncate": bool}
_PARAMETERS: Mapping[TextCapability, Mapping[str, range | type]] = {
    TextCapability.EMBED: _EMBEDDING,
    TextCapability.RERANK: {},
    TextCapability.GENERATE: _SAMPLING,
}


def task_of(model: TextModel) -> TextCapability:
    """The thing that the model is asked for; raises InvalidInput for one that does nothing the protocol serves."""
    for task in TASKS:
        if task in model.capabilities:
            return task
    raise InvalidInput("model_name", f"is {model.id!r}, which neither embeds nor reranks nor generates")


def signature_of(model: TextModel) -> Signature:
    """The tensors of a model."""
    match task_of(model):
        case TextCapability.EMBED:
            size = model.embedding_dimension or -1
            return Signature(
                (TensorSpec("text_input", "BYTES", (-1,)),), (TensorSpec("embedding", "FP32", (-1, size)),)
            )
        case TextCapability.RERANK:
            query, documents = TensorSpec("query", "BYTES", (1,)), TensorSpec("documents", "BYTES", (-1,))
            return Signature((query, documents), (TensorSpec("score", "FP32", (-1,)),))
        case _:
            return Signature(
                (TensorSpec("text_input", "BYTES", (1,)),), (TensorSpec("text_output", "BYTES", (1,)),)
            )


def check(request: InferRequest, signature: Signature) -> None:
    """Raise InvalidInput unless the request's inputs are the model's, and its outputs some of them."""
    wanted = {spec.name: spec for spec in signature.inputs}
    if set(request.inputs) != set(wanted):
        raise InvalidInput("inputs", f"must be {' and '.join(wanted)}")
    for place, (name, texts) in enumerate(request.inputs.items()):
        if wanted[name].shape == (1,) and len(texts) != 1:
            raise InvalidInput(f"inputs[{place}].shape", f"must be of one element: {name} is one text")
    known = {spec.name for spec in signature.outputs}
    for place, name in enumerate(request.outputs):
        if name not in known:
            raise InvalidInput(f"outputs[{place}].name", f"must be {' or '.join(sorted(known))}")


def parameters_of(request: InferRequest, task: TextCapability) -> dict[str, Parameter]:
    """The parameters that were set; raises InvalidInput for one that is unknown or of another kind."""
    known, checked = _PARAMETERS[task], dict[str, Parameter]()
    for name, value in request.parameters.items():
        if name == STREAM_OPTION:
            continue
        if name not in known:
            raise InvalidInput(f"parameters.{name}", "is not known to this model")
        checked[name] = _checked(f"parameters.{name}", value, known[name])
    return checked


def sampling_of(parameters: Mapping[str, Parameter]) -> Sampling:
    """How tokens are chosen."""
    given: dict[str, object] = dict(parameters)
    if "stop" in given:
        given["stop"] = (given["stop"],)
    return Sampling(**given)  # type: ignore[arg-type]


def _checked(field: str, value: Parameter, kind: range | type) -> Parameter:
    if isinstance(kind, range):
        if isinstance(value, bool) or not isinstance(value, int) or value not in kind:
            raise InvalidInput(field, f"must be an integer of {kind.stop.bit_length()} bits")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise InvalidInput(field, f"must be {_NAMES[kind]}")
    return value


_NAMES = {float: "a number", bool: "true or false", str: "a text"}
