import json

import numpy as np
import pytest
from imagegen.testing import save_tiny_pipeline

from benchmarks.image.batches import POLICIES, Queue
from benchmarks.image.pipeline import draw, load, reading, seconds, serve
from benchmarks.image.requests import Request, drawn
from benchmarks.peers.protocol import MARK


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_pipeline(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="module")
def pipe(folder):
    return load(folder, "float32", "cpu")


@pytest.mark.parametrize("variant", ["float32 channels_last", "bfloat16"])
def test_a_variant_is_a_number_type_and_a_layout(folder, variant):
    found = load(folder, variant, "cpu")
    assert str(found.unet.dtype).removeprefix("torch.") == variant.split()[0]
    assert seconds(lambda batch, steps: draw(found, 2.0, batch, steps), 2, 2) > 0


def test_a_batch_draws_what_each_request_would_get_alone(pipe):
    requests = drawn(3, (2,), seed=0)
    together = draw(pipe, 2.0, requests, 2)
    alone = [draw(pipe, 2.0, [request], 2)[0] for request in requests]
    assert len({np.asarray(image).tobytes() for image in together}) == 3
    for one, other in zip(together, alone, strict=True):
        assert np.abs(np.asarray(one, float) - np.asarray(other, float)).max() <= 1


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("serial", [(0, 1, 3), (1, 1, 5), (2, 1, 3)]),
        ("by-steps", [(0, 2, 3), (2, 2, 3), (1, 1, 5)]),
        ("padded", [(0, 3, 5), (1, 3, 5), (2, 3, 5)]),
    ],
)
def test_batches_are_answered_with_their_rows_and_steps(policy, said, capsys):
    lines = [
        json.dumps({"id": place, "prompt": "x", "steps": 3 + 2 * (place == 1), "seed": 0})
        for place in range(3)
    ]
    inbox, batches = reading([]), []
    assert inbox.get() is None
    for line in lines:
        inbox.put((0.0, line))

    def drawing(batch, steps):
        batches.append((batch, steps))
        if sum(len(batch) for batch, _ in batches) == 3:
            inbox.put(None)

    serve(drawing, Queue(POLICIES[policy]), inbox)
    found = [json.loads(line.removeprefix(MARK)) for line in capsys.readouterr().out.splitlines()]
    assert [(facts["id"], facts["rows"], facts["steps"]) for facts in found] == said
    assert all(isinstance(request, Request) for batch, _ in batches for request in batch)
