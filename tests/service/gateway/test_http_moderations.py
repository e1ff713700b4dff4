from math import exp

import openai
import pytest


async def asked(doors, input, **more):
    async with openai.AsyncOpenAI(base_url=f"{doors.http}/v1", api_key="none", max_retries=0) as client:
        return await client.moderations.create(input=input, **more)


async def test_texts_are_judged_one_by_one(make_doors):
    doors = await make_doors(moderation_model="guard")
    answer = await asked(doors, ["I like you", "I hate you"])
    kind, unkind = answer.results
    assert answer.model == "guard"
    assert (kind.flagged, unkind.flagged) == (False, True)
    assert unkind.categories.hate and unkind.categories.violence and not unkind.categories.illicit
    assert unkind.category_scores.hate == pytest.approx(exp(-0.5))
    assert kind.category_scores.hate == 0
    one = await asked(doors, [{"type": "text", "text": "I hate you"}], model="guard")
    assert one.results == [unkind]


async def test_what_is_no_verdict_is_not_taken_for_one(make_doors):
    doors = await make_doors(moderation_model="tiny")  # which repeats what it is told
    with pytest.raises(openai.BadRequestError, match="does not judge") as caught:
        await asked(doors, "hello")
    assert caught.value.body["code"] == "not_configured"


async def test_without_a_model_nothing_is_called_harmless(doors):
    with pytest.raises(openai.BadRequestError, match="moderation_model") as caught:
        await asked(doors, "hello")
    assert caught.value.body["code"] == "not_configured"


async def test_only_the_configured_model_judges_and_only_texts(make_doors):
    doors = await make_doors(moderation_model="guard")
    with pytest.raises(openai.NotFoundError):
        await asked(doors, "hello", model="tiny")
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    for input in ([picture], [], ["x"] * 33):
        with pytest.raises(openai.BadRequestError) as caught:
            await asked(doors, input)
        assert caught.value.param.startswith("input")
