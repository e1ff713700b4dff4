import asyncio
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textgen.admission import Admission
from textgen.batching import BatchLane, grow_batch, pack_batch
from textgen.worker import DeviceWorker

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=60)


@given(LENGTHS, st.integers(1, 20), st.integers(1, 2000))
def test_a_padded_batch_is_the_oldest_and_its_neighbours_in_length(lengths, rows, tokens):
    places = grow_batch(lengths, max_rows=rows, max_tokens=tokens)
    taken = [lengths[place] for place in places]
    assert 0 in places
    assert len(set(places)) == len(places) <= rows
    assert len(places) == 1 or len(places) * max(taken) <= tokens
    left = [length for place, length in enumerate(lengths) if place not in places]
    assert not [length for length in left if min(taken) < length < max(taken)]


@given(LENGTHS, st.integers(1, 2000))
def test_a_batch_without_padding_is_as_many_of_the_oldest_as_fit(lengths, tokens):
    places = pack_batch(lengths, max_tokens=tokens)
    assert places == list(range(len(places)))
    ends = list(accumulate(lengths))
    assert places == [0] or ends[places[-1]] <= tokens
    assert len(places) == len(lengths) or ends[len(places)] > tokens


@pytest.mark.parametrize(("max_rows", "batches"), [(None, [[9, 1, 9], [1]]), (4, [[9, 9], [1, 1]])])
async def test_only_a_runner_that_pads_gets_its_batches_by_length(max_rows, batches, metrics):
    ran = []

    def run(items):
        ran.append([len(item) for item in items])
        return [item.upper() for item in items]

    worker = DeviceWorker()
    lane = BatchLane(
        run,
        len,
        worker=worker,
        admission=Admission(8, 100),
        metrics=metrics,
        max_rows=max_rows,
        max_tokens=19,
    )
    worker.add(lane)
    texts = ["a" * 9, "b", "c" * 9, "d"]
    answer = asyncio.ensure_future(lane.submit(texts, None))
    await asyncio.sleep(0)
    worker.start()
    try:
        results, _ = await answer
    finally:
        worker.stop()
    assert results == [text.upper() for text in texts]
    assert [sorted(batch) for batch in ran] == [sorted(batch) for batch in batches]
