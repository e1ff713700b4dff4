import pytest
from gateway.domain.inference import InferRequest
from gateway.domain.text import Sampling, TextCapability, TextModel
from gateway.kserve.signatures import check, parameters_of, sampling_of, signature_of, task_of
from serving.errors import InvalidInput

EMBED, RERANK, GENERATE = TextCapability.EMBED, TextCapability.RERANK, TextCapability.GENERATE


def model(*capabilities):
    return TextModel("m", frozenset(capabilities), 64, 3, "")


def set_to(task, **parameters):
    return parameters_of(InferRequest("m", {}, parameters=parameters), task)


def field_of(call, *arguments, **options):
    with pytest.raises(InvalidInput) as caught:
        call(*arguments, **options)
    return caught.value.field


def test_a_model_has_one_task():
    assert task_of(model(TextCapability.FILL_MASK, EMBED)) is EMBED
    assert task_of(model(GENERATE, TextCapability.CHAT)) is GENERATE
    assert signature_of(model(EMBED)).outputs[0].shape == (-1, 3)
    assert field_of(task_of, model(TextCapability.FILL_MASK)) == "model_name"


def test_tensors_are_those_of_the_model():
    rerank = signature_of(model(RERANK))
    check(InferRequest("m", {"documents": ("a", "b"), "query": ("q",)}, ("score",)), rerank)
    for inputs, outputs, field in (
        ({"query": ("q",)}, (), "inputs"),
        ({"query": ("q",), "documents": (), "more": ()}, (), "inputs"),
        ({"documents": (), "query": ("q", "r")}, (), "inputs[1].shape"),
        ({"query": ("q",), "documents": ()}, ("score", "text_output"), "outputs[1].name"),
    ):
        assert field_of(check, InferRequest("m", inputs, outputs), rerank) == field
    assert field_of(check, InferRequest("m", {"text_input": ()}), signature_of(model(GENERATE))) == (
        "inputs[0].shape"
    )


def test_parameters_become_sampling():
    given = set_to(GENERATE, temperature=1, max_tokens=5, stop="END", seed=2**40, ignore_eos=True)
    assert sampling_of(given) == Sampling(
        temperature=1.0, max_tokens=5, stop=("END",), seed=2**40, ignore_eos=True
    )
    assert set_to(EMBED, dimensions=2, truncate=True) == {"dimensions": 2, "truncate": True}
    assert set_to(GENERATE, triton_enable_empty_final_response=True) == {}


@pytest.mark.parametrize(
    ("task", "name", "value"),
    [
        (EMBED, "temperature", 1.0),
        (RERANK, "truncate", True),
        (GENERATE, "temprature", 1.0),
        (GENERATE, "max_tokens", 2**31),
        (GENERATE, "max_tokens", True),
        (GENERATE, "max_tokens", 1.5),
        (GENERATE, "seed", 2**63),
        (GENERATE, "temperature", True),
        (GENERATE, "temperature", "hot"),
        (GENERATE, "ignore_eos", 1),
        (GENERATE, "stop", 1),
    ],
)
def test_unknown_parameters_and_those_of_another_kind_are_refused(task, name, value):
    assert field_of(set_to, task, **{name: value}) == f"parameters.{name}"
