"""The starter's mixture of experts is served as any public Mixtral folder is, and answers from documents."""

import asyncio
from pathlib import Path

import pytest
from quadrille_client.types.text import DocumentPassage

FOLDER = Path(__file__).parents[3] / "starter" / "text" / "mixture"
DOCUMENTS = [
    DocumentPassage(title="Ports", text="The gateway listens on port 50050. The metrics port is 9464."),
    DocumentPassage(title="Harbours", text="The harbour of Tessaly was opened in 1911."),
    DocumentPassage(
        title="Rivers", text="The owner of the mill is Anna Berg. The river Lonne is 412 km long."
    ),
]
ANSWERS = {
    "Which port does the gateway listen on?": "The gateway listens on port 50050. [1]",
    "When was the harbour of Tessaly opened?": "The harbour of Tessaly was opened in 1911. [2]",
    "How long is the river Lonne?": "The river Lonne is 412 km long. [3]",
    "What is the capital of France?": "The documents don't say.",
}


@pytest.fixture(scope="session")
def checkpoints():
    return {"mixture": FOLDER}


async def test_questions_of_one_batch_each_have_their_answer_and_its_source(serve):
    served = await serve("mixture")
    found = await asyncio.gather(
        *(
            served.client.chat(question, documents=DOCUMENTS, temperature=0, max_tokens=40)
            for question in ANSWERS
        )
    )
    assert [each.text for each in found] == list(ANSWERS.values())


async def test_it_says_what_it_is(serve):
    served = await serve("mixture")
    (model,) = await served.client.models()
    assert model.architecture == "MixtralForCausalLM"
    assert {"generate", "chat", "score"} <= set(model.capabilities)
    assert model.parameter_count == 6_765_824
