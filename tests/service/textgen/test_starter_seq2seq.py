"""The starter's encoder-decoder is served as any public T5 folder is."""

import asyncio
from pathlib import Path

import pytest
from quadrille_client.types.text import Delta

FOLDER = Path(__file__).parents[3] / "starter" / "seq2seq" / "model"
REPORT = (
    "summarize: Sluppert was told at 08:14. At 09:42 vornak went down. Blame fell on a broken switch. "
    "A backup of klieste ran at 11:07. By 10:15 Thamelle had mended it."
)
SUMMARY = "vornak was down from 09:42 to 10:15 because of a broken switch. Thamelle fixed it."
SENTENCE = "translate English to Tesk: The doctor did not carry three letters under the bridge today."
TRANSLATION = "fiwi na femum-o cimem-en vun yeyes-uk tupor-ek jon."
ANSWERS = [(REPORT, SUMMARY), (SENTENCE, TRANSLATION)]


@pytest.fixture(scope="session")
def checkpoints():
    return {"seq2seq": FOLDER}


@pytest.mark.parametrize(("prompt", "answer"), ANSWERS)
async def test_it_answers_word_for_word(serve, prompt, answer):
    served = await serve("seq2seq")
    found = await served.client.generate(prompt, temperature=0, max_tokens=96)
    assert found.text == answer
    assert found.finished.sequences[0].finish_reason == "stop"


async def test_both_tasks_share_a_batch(serve):
    served = await serve("seq2seq")
    found = await asyncio.gather(
        *(served.client.generate(prompt, temperature=0, max_tokens=96) for prompt, _ in ANSWERS)
    )
    assert [each.text for each in found] == [answer for _, answer in ANSWERS]


async def test_the_right_answer_is_likelier_than_another(serve):
    served = await serve("seq2seq")
    right, wrong = await served.client.score([TRANSLATION, SUMMARY], prompt=SENTENCE)
    assert right.logprob > wrong.logprob


async def test_streamed_pieces_are_the_text(serve):
    served = await serve("seq2seq")
    async with served.client.stream_generate(REPORT, temperature=0, max_tokens=96) as stream:
        pieces = [event.text async for event in stream if isinstance(event, Delta)]
    assert len(pieces) > 10
    assert "".join(pieces) == SUMMARY


async def test_it_says_what_it_can(serve):
    served = await serve("seq2seq")
    (model,) = await served.client.models()
    assert set(model.capabilities) == {"generate", "score", "tokenize"}
    assert (model.architecture, model.context_length) == ("T5ForConditionalGeneration", 512)
