"""Images through OpenAI's own client, made by a tiny diffusion model."""

import base64
import io
import json

import numpy as np
import openai
import pytest
from PIL import Image

PICTURE = np.full((16, 16, 3), 200)


def pixels(item):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(item.b64_json))).convert("RGB")).astype(int)


def clear_right_half():
    return np.dstack([PICTURE, np.repeat([[255] * 8 + [0] * 8], 16, axis=0)])


async def test_images_are_made_in_order(client):
    made = await client.images.generate(
        model="tiny", prompt="a dot", n=2, size="16x16", extra_body={"seed": 3, "steps": 2}
    )
    assert [item.model_extra["seed"] for item in made.data] == [3, 4]
    assert (made.size, made.output_format, made.background) == ("16x16", "png", "opaque")
    assert not np.array_equal(pixels(made.data[0]), pixels(made.data[1]))


async def test_partial_images_come_before_their_image_and_no_more_than_asked(client):
    for count in (0, 1, 3):
        stream = await client.images.generate(
            prompt="a dot", model="tiny", n=2, stream=True, partial_images=count, extra_body={"seed": 1}
        )
        events = [event async for event in stream]
        kinds = [event.type.removeprefix("image_generation.") for event in events]
        assert kinds.count("partial_image") == 2 * count
        assert kinds.count("completed") == 2
        partial = [event.partial_image_index for event in events if hasattr(event, "partial_image_index")]
        assert sorted(partial) == sorted([*range(count)] * 2)
        assert all(pixels(event).ndim == 3 for event in events)


async def test_loras_change_what_is_made_by_their_scale(client):
    async def drawn(*loras):
        body = {"seed": 1, "loras": list(loras)}
        return pixels((await client.images.generate(prompt="x", model="tiny", extra_body=body)).data[0])

    plain, strong = await drawn(), await drawn({"name": "dots", "scale": 8})
    assert np.array_equal(await drawn({"name": "dots", "scale": 0}), plain)
    assert not np.array_equal(strong, plain)
    assert not np.array_equal(await drawn({"name": "dots"}), strong)
    with pytest.raises(openai.NotFoundError, match="stars"):
        await drawn({"name": "stars"})


async def test_an_edit_keeps_what_the_mask_does_not_let_change(client, png):
    edited = await client.images.edit(
        model="tiny",
        prompt="a dot",
        image=("a.png", png(PICTURE), "image/png"),
        mask=("mask.png", png(clear_right_half()), "image/png"),
        extra_body={"seed": 1},
    )
    (image,) = map(pixels, edited.data)
    assert np.array_equal(image[:, :8], PICTURE[:, :8])
    assert not np.array_equal(image[:, 8:], PICTURE[:, 8:])


async def test_an_edit_without_a_mask_changes_by_its_strength_and_adapters(client, png):
    async def edited(**more):
        answer = await client.images.edit(
            prompt="x", model="tiny", image=[png(PICTURE)], n=1, extra_body={"seed": 1, **more}
        )
        return pixels(answer.data[0])

    weak, strong = await edited(strength=0.25), await edited(strength=1.0)
    assert not np.array_equal(weak, strong)
    assert np.array_equal(await edited(), await edited(strength=0.8))
    with_dots = await edited(strength=1.0, loras=json.dumps([{"name": "dots", "scale": 8}]))
    assert not np.array_equal(with_dots, strong)


async def test_an_edit_streams_partial_images(client, png):
    stream = await client.images.edit(
        prompt="x", model="tiny", image=png(PICTURE), stream=True, partial_images=2, extra_body={"steps": 6}
    )
    kinds = [event.type async for event in stream]
    assert kinds == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]


async def test_bad_edits_are_refused_by_the_names_of_their_fields(client, png):
    good = {"prompt": "x", "model": "tiny", "image": png(PICTURE)}
    bad = [
        ({"mask": png(PICTURE)}, "mask"),  # not transparent anywhere
        ({"mask": png(np.zeros((8, 8, 4)))}, "mask"),
        ({"mask": b"junk"}, "mask"),
        ({"image": b"junk"}, "image"),
        ({"image": [png(PICTURE)] * 2}, "image"),
        ({"image": [], "mask": png(PICTURE)}, "image"),
        ({"size": "32x32"}, "size"),
        ({"extra_body": {"strength": 7}}, "strength"),
        ({"extra_body": {"loras": "[{"}}, "loras"),
        ({"extra_body": {"loras": '[{"name": "dots", "scale": 11}]'}}, "loras[0].scale"),
        ({"extra_body": {"wizardry": 1}}, "wizardry"),
        ({"n": 17}, "n"),
    ]
    for change, param in bad:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.images.edit(**{**good, **change})
        assert caught.value.body["param"] == param


async def test_brackets_in_files_are_not_nesting(client, png):
    with pytest.raises(openai.BadRequestError, match="not a readable"):
        await client.images.edit(prompt="x", image=b"[" * 5000)
