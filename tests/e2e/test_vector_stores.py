"""Files, vector stores and image edits of the true stack, through the official OpenAI client."""

import base64
import io

import numpy as np
import openai
import pytest
from PIL import Image

NOTES = {
    "tides.md": b"# Tides\n\nThe moon pulls the water of the sea, so it rises and falls twice a day.",
    "bread.md": b"# Bread\n\nDough rests in a warm place until it has doubled, then it goes into the oven.",
}


@pytest.fixture(scope="module")
def official(stack):
    base = f"http://127.0.0.1:{stack.ports.http}/v1"
    with openai.OpenAI(base_url=base, api_key="none", max_retries=0, timeout=120) as client:
        yield client


def test_what_is_uploaded_is_found_by_what_it_means(official):
    store = official.vector_stores.create(name="notes")
    batch = official.vector_stores.file_batches.upload_and_poll(store.id, files=list(NOTES.items()))
    assert (batch.status, batch.file_counts.completed) == ("completed", 2)
    for query, name in (("Why is there ebb and flow?", "tides.md"), ("How do I bake a loaf?", "bread.md")):
        best = official.vector_stores.search(
            store.id, query=query, ranking_options={"ranker": "none"}, max_num_results=1
        ).data[0]
        assert best.filename == name
        assert official.files.content(best.file_id).read() == NOTES[name]
    assert official.vector_stores.delete(store.id).deleted


def test_an_edit_changes_what_is_transparent_in_its_mask(official):
    picture = np.full((64, 64, 3), 255, np.uint8)
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:, 32:] = 0
    edited = official.images.edit(
        model="starter",
        prompt="a blue square",
        image=("a.png", encoded(picture)),
        mask=("mask.png", encoded(np.dstack([picture, alpha]))),
        extra_body={"steps": 4, "seed": 1},
    )
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(edited.data[0].b64_json))).convert("RGB"))
    assert np.array_equal(image[:, :32], picture[:, :32])
    assert not np.array_equal(image[:, 32:], picture[:, 32:])


def encoded(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
