"""Passes are held up by events, never by time, so that each test says what waits for what."""

import asyncio
import functools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from retrieval.coalescing import Coalescer
from serving.errors import DeadlineUnreachable, NotFound, Unavailable


class Held:
    """Passes that begin one by one, as they are let go; items are numbers, 0 is refused, 13 breaks a pass."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.free = threading.Semaphore(0)

    def __call__(self, items: list[int]) -> list[int | Exception]:
        self.passes.append(items)
        self.begun.release()
        assert self.free.acquire(timeout=30)
        if 13 in items:
            raise RuntimeError("broken")
        return [10 * item if item else NotFound("item", "0") for item in items]

    async def wait(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=30)


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def coalescer(held: Held, threads: ThreadPoolExecutor) -> Coalescer[int, int]:
    return Coalescer(lambda items: functools.partial(held, items), threads, most=4)


async def test_what_waits_while_a_pass_runs_is_answered_together(
    held: Held, coalescer: Coalescer[int, int]
) -> None:
    first = asyncio.create_task(coalescer.submit("a", [1]))
    await held.wait()
    waiting = [asyncio.create_task(coalescer.submit("a", [item])) for item in (2, 3)]
    await asyncio.sleep(0)
    held.free.release(2)
    assert [await task for task in (first, *waiting)] == [[10], [20], [30]]
    assert held.passes == [[1], [2, 3]]


async def test_what_comes_in_one_turn_of_the_loop_shares_the_first_pass(
    held: Held, coalescer: Coalescer[int, int]
) -> None:
    held.free.release()
    found = await asyncio.gather(coalescer.submit("a", [1, 2]), coalescer.submit("a", [3]))
    assert found == [[10, 20], [30]]
    assert held.passes == [[1, 2, 3]]


async def test_keys_run_beside_each_other_and_never_mix(held: Held, coalescer: Coalescer[int, int]) -> None:
    tasks = [asyncio.create_task(coalescer.submit(key, [item])) for key, item in (("a", 1), ("b", 2))]
    await held.wait()
    await held.wait()  # both run
    held.free.release(2)
    assert await asyncio.gather(*tasks) == [[10], [20]]
    assert sorted(held.passes) == [[1], [2]]


async def test_a_pass_is_bounded_and_keeps_the_order(held: Held, coalescer: Coalescer[int, int]) -> None:
    held.free.release(3)
    found = await asyncio.gather(*(coalescer.submit("a", [i, i + 1]) for i in (1, 3, 5)))
    assert found == [[10, 20], [30, 40], [50, 60]]
    assert held.passes == [[1, 2, 3, 4], [5, 6]]


async def test_one_that_is_larger_than_a_pass_has_one_of_its_own(
    held: Held, coalescer: Coalescer[int, int]
) -> None:
    held.free.release(2)
    found = await asyncio.gather(coalescer.submit("a", [1, 2, 3, 4, 5]), coalescer.submit("a", [6]))
    assert found == [[10, 20, 30, 40, 50], [60]]
    assert held.passes == [[1, 2, 3, 4, 5], [6]]


async def test_who_left_is_not_searched_for(held: Held, coalescer: Coalescer[int, int]) -> None:
    first = asyncio.create_task(coalescer.submit("a", [1]))
    await held.wait()
    left, stays = (asyncio.create_task(coalescer.submit("a", [item])) for item in (2, 3))
    await asyncio.sleep(0)
    left.cancel()
    first.cancel()  # while its pass runs: the others do not notice
    await asyncio.sleep(0)
    held.free.release(2)
    assert await stays == [30]
    assert held.passes == [[1], [3]]


async def test_who_is_late_is_told_and_not_searched_for(held: Held, coalescer: Coalescer[int, int]) -> None:
    late = coalescer.submit("a", [1], deadline=time.monotonic())
    in_time = coalescer.submit("a", [2], deadline=time.monotonic() + 60)
    held.free.release()
    found = await asyncio.gather(late, in_time, return_exceptions=True)
    assert isinstance(found[0], DeadlineUnreachable)
    assert found[1] == [20]
    assert held.passes == [[2]]


async def test_an_item_s_error_is_told_to_its_caller_alone(
    held: Held, coalescer: Coalescer[int, int]
) -> None:
    held.free.release()
    found = await asyncio.gather(
        coalescer.submit("a", [1, 0]), coalescer.submit("a", [2]), return_exceptions=True
    )
    assert isinstance(found[0], NotFound)
    assert found[1] == [20]


async def test_a_broken_pass_is_told_to_all_in_it_and_the_next_one_runs(
    held: Held, coalescer: Coalescer[int, int]
) -> None:
    held.free.release(2)
    found = await asyncio.gather(
        coalescer.submit("a", [13]), coalescer.submit("a", [1]), return_exceptions=True
    )
    assert [str(error) for error in found] == ["broken", "broken"]
    assert await coalescer.submit("a", [2]) == [20]


async def test_what_needs_no_thread_is_answered_on_the_loop(threads: ThreadPoolExecutor) -> None:
    threads.shutdown()
    passes: list[list[int]] = []

    def begin(items: list[int]) -> list[int | Exception]:
        passes.append(items)
        if 13 in items:
            raise RuntimeError("broken")
        return [10 * item if item else NotFound("item", "0") for item in items]

    coalescer = Coalescer[int, int](begin, threads, most=4)
    tasks = [coalescer.submit("a", items) for items in ([1, 2], [0], [3, 4], [13])]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert found[0] == [10, 20]
    assert isinstance(found[1], NotFound)
    assert [str(error) for error in found[2:]] == ["broken", "broken"]
    assert passes == [[1, 2, 0], [3, 4, 13]]
    assert await coalescer.submit("a", [5]) == [50]


async def test_nobody_waits_for_threads_that_are_gone(
    held: Held, threads: ThreadPoolExecutor, coalescer: Coalescer[int, int]
) -> None:
    running = asyncio.create_task(coalescer.submit("a", [1]))
    await held.wait()
    waiting = asyncio.create_task(coalescer.submit("a", [2]))
    await asyncio.sleep(0)
    threads.shutdown(wait=False)
    held.free.release()
    assert await running == [10]
    for refused in (waiting, coalescer.submit("a", [3]), coalescer.submit("b", [4])):
        with pytest.raises(Unavailable):
            await refused


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_where_passes_had_company_the_next_one_looks_for_some_until_it_finds_none_for_long(
    threads: ThreadPoolExecutor,
) -> None:
    passes: list[list[int]] = []

    def begin(items: list[int]) -> list[int | Exception]:
        passes.append(items)
        return [*items]

    async def ask(item: int, after: int) -> None:
        await turns(after)
        assert await coalescer.submit("a", [item]) == [item]

    coalescer = Coalescer[int, int](begin, threads, most=4)
    await asyncio.gather(ask(1, 0), ask(2, 4))
    assert passes == [[1], [2]]  # nobody looked for company yet
    await asyncio.gather(ask(3, 0), ask(4, 0))
    await asyncio.gather(ask(5, 0), ask(6, 4))
    assert passes[2:] == [[3, 4], [5, 6]]
    await asyncio.gather(*(ask(item, item) for item in range(4)), ask(4, 6))
    assert passes[4:] == [[0, 1, 2, 3], [4]]  # full at once
    for item in range(100):
        await ask(item, 0)
    del passes[:]
    await asyncio.gather(ask(1, 0), ask(2, 4))
    assert passes == [[1], [2]]
