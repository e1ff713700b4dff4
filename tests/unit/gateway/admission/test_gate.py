import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta

import pytest
from gateway.admission.accounts import Accounts
from gateway.admission.cost import text_cost
from gateway.admission.gate import Gate
from gateway.admission.metrics import OTHERS, AdmissionMetrics
from gateway.admission.pool import PoolLimits
from gateway.admission.quota import Quotas
from prometheus_client import CollectorRegistry
from serving.call import Call, Principal, enter_call
from serving.errors import DeadlineUnreachable, Overloaded, QuadrilleError, Unavailable
from serving.limits import Limits, Standing


class World:
    """A gate, its clock, and callers at it."""

    def __init__(self, *, serving=True, **limits):
        self.now = 100.0
        self.today = datetime(2026, 11, 26, 23, 59, tzinfo=UTC)
        self.registry = CollectorRegistry()
        self.quotas = Quotas()
        given = {"running": 1, "queue_requests": 8, "queue_units": 1e6, "longest_wait_s": 30.0} | limits
        self.gate = Gate(
            {"generate": PoolLimits(**given)},
            Accounts(self.quotas),
            AdmissionMetrics(self.registry, most_tenants=2),
            serving=lambda pool: serving,
            clock=lambda: self.now,
            today=lambda: self.today,
        )
        self.events = []

    def value(self, name, **labels):
        return self.registry.get_sample_value(name, labels) or 0.0

    async def call(
        self, name, hold, *, tenant="a", tokens=10, timeout_s=None, fails=None, used=0, **standing
    ):
        """One caller: waits for its turn, works until `hold` is set, having `used` some tokens until then."""
        limits = Limits(**standing.pop("limits", {}))
        principal = Principal(name, tenant, standing=Standing(name, limits, **standing))
        deadline = None if timeout_s is None else self.now + timeout_s
        enter_call(Call("m", name, principal, deadline))
        with self.gate.entered(principal):
            async with self.gate.admitted("generate", text_cost(tokens)) as ticket:
                self.events.append(name)
                if used:
                    ticket.used(text_cost(used))
                await hold.wait()
                if fails:
                    raise fails
                ticket.used(text_cost(tokens))

    def begin(self, name, hold, **more):
        return asyncio.create_task(self.call(name, hold, **more))


@pytest.fixture
def hold():
    return asyncio.Event()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_comes_second_waits_until_the_first_is_done(hold):
    world, other = World(), asyncio.Event()
    first, second = world.begin("first", hold), world.begin("second", other)
    await settle()
    assert world.events == ["first"]
    assert world.value("quadrille_gateway_pool_waiting", pool="generate") == 1
    hold.set()
    await first
    await settle()
    assert world.events == ["first", "second"]
    other.set()
    await second
    assert world.value("quadrille_gateway_pool_running", pool="generate") == 0
    assert world.value("quadrille_gateway_admission_total", pool="generate", outcome="STARTED") == 2


async def test_who_fails_gives_the_place_back(hold):
    world = World()
    failing = world.begin("failing", hold, fails=ValueError())
    await settle()
    hold.set()
    with pytest.raises(ValueError):
        await failing
    await world.call("next", hold)


async def test_who_leaves_while_waiting_is_not_waited_for(hold):
    world = World()
    world.begin("first", hold)
    await settle()
    leaving, staying = world.begin("leaving", hold), world.begin("staying", hold)
    await settle()
    leaving.cancel()
    await settle()
    assert world.value("quadrille_gateway_pool_waiting", pool="generate") == 1
    hold.set()
    await staying
    assert world.events == ["first", "staying"]


async def test_who_leaves_just_when_its_turn_comes_keeps_no_place(hold):
    world = World()
    first = world.begin("first", hold)
    await settle()
    leaving = world.begin("leaving", hold)
    await settle()
    hold.set()
    while not first.done():
        await asyncio.sleep(0)
    leaving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving
    await asyncio.wait_for(world.call("next", hold), 5)
    assert world.value("quadrille_gateway_pool_running", pool="generate") == 0


async def test_a_deadline_that_passes_in_the_queue_ends_the_wait(hold):
    world = World()
    world.begin("first", hold)
    await settle()
    late = world.begin("late", hold, timeout_s=0.01)
    await settle()
    world.now += 1.0
    with pytest.raises(DeadlineUnreachable):
        await late
    assert world.events == ["first"]
    hold.set()


async def test_who_has_no_time_left_is_told_before_its_deadline(hold):
    world, free = World(), asyncio.Event()
    for _ in range(5):  # each takes 50 ms
        one = world.begin("known", free)
        await settle()
        world.now += 0.05
        free.set()
        await one
        free.clear()
    world.begin("first", hold)
    await settle()
    with pytest.raises(DeadlineUnreachable):
        await world.call("late", hold, timeout_s=0.11)  # while the clock stands still
    assert world.events[-1] == "first"
    hold.set()


async def test_what_came_of_work_is_learned_though_its_deadline_broke_it_off(hold):
    world = World(running=8)
    for seconds in (4.0, 4.0):
        cut = world.begin("cut", asyncio.Event(), used=5)
        await settle()
        world.now += seconds
        cut.cancel()
        await settle()
    world.begin("first", hold)
    await settle()
    with pytest.raises(DeadlineUnreachable):  # half was done in 4 s
        await world.call("late", hold, timeout_s=7.0)
    world.begin("in time", hold, timeout_s=9.0)
    await settle()
    assert world.events[-2:] == ["first", "in time"]
    hold.set()


async def test_nobody_waits_longer_than_the_longest_wait(hold):
    world = World(longest_wait_s=0.01)
    world.begin("first", hold)
    await settle()
    with pytest.raises(Overloaded, check=lambda error: error.reason == "QUEUE_TIMEOUT"):
        await world.call("second", hold)
    hold.set()


async def test_an_evicted_request_is_told_why(hold):
    world = World(queue_requests=1)
    world.begin("first", hold)
    await settle()
    heavy = world.begin("heavy", hold, tokens=500)
    await settle()
    light = world.begin("light", hold, tenant="b")
    with pytest.raises(Overloaded, check=lambda error: error.reason == "EVICTED"):
        await heavy
    hold.set()
    await light
    assert world.events == ["first", "light"]
    assert world.value("quadrille_gateway_admission_total", pool="generate", outcome="EVICTED") == 1


async def test_nobody_waits_where_nobody_serves(hold):
    world = World(serving=False)
    world.begin("first", hold)
    await settle()
    with pytest.raises(Unavailable):
        await world.call("second", hold)
    hold.set()


async def test_refused_and_failed_work_gives_its_tokens_back(hold):
    world = World(queue_requests=1)
    limits = {"tokens_per_day": 100}
    world.begin("blocks", hold, tenant="b")
    world.begin("waits", hold, tenant="b")
    await settle()
    for _ in range(20):
        with pytest.raises(Overloaded, check=lambda error: error.reason == "QUEUE_FULL"):
            await world.call("ann", hold, tenant="b", tokens=60, limits=limits)
    assert world.quotas.used("key ann", world.today.toordinal()) == 0
    hold.set()
    await settle()
    with pytest.raises(ValueError):
        await world.call("ann", hold, tokens=60, limits=limits, fails=ValueError())
    assert world.quotas.used("key ann", world.today.toordinal()) == 0
    await world.call("ann", hold, tokens=60, limits=limits)
    assert world.quotas.used("key ann", world.today.toordinal()) == 60
    with pytest.raises(Overloaded, check=lambda error: error.reason == "QUOTA_EXHAUSTED") as failed:
        await world.call("ann", hold, tokens=60, limits=limits)
    assert failed.value.retry_after_s == pytest.approx(60)
    world.today += timedelta(minutes=1)
    await world.call("ann", hold, tokens=60, limits=limits)
    assert world.value("quadrille_gateway_limited_total", reason="QUOTA_EXHAUSTED") == 1


async def test_what_is_given_back_belongs_to_the_day_that_it_was_taken_from(hold):
    world = World(running=2)
    limits = {"tokens_per_day": 100}

    async def overnight():
        enter_call(Call("m", "ann", Principal("ann", standing=Standing("ann", Limits(**limits)))))
        async with world.gate.admitted("generate", text_cost(60)) as ticket:
            await hold.wait()
            ticket.used(text_cost(10))

    night = asyncio.create_task(overnight())
    await settle()
    world.today += timedelta(minutes=2)
    free = asyncio.Event()
    free.set()
    await world.call("ann", free, tokens=70, limits=limits)
    hold.set()
    await night
    assert world.quotas.used("key ann", world.today.toordinal()) == 70


async def test_who_has_left_is_no_longer_there(hold):
    world = World()
    hold.set()
    for _ in range(3):
        await world.call("ann", hold, limits={"concurrent_requests": 1})


async def test_requests_are_limited_before_work_is(hold):
    world = World()
    hold.set()
    await world.call("ann", hold, limits={"requests_per_minute": 1})
    with pytest.raises(Overloaded, check=lambda error: error.reason == "RATE_LIMITED_REQUESTS"):
        await world.call("ann", hold, limits={"requests_per_minute": 1})
    assert world.events == ["ann"]


async def test_tenants_are_told_apart_up_to_a_number(hold):
    world = World()
    hold.set()
    for number in range(5):
        await world.call("x", hold, tenant=f"t{number}")
    name = "quadrille_gateway_tenant_tokens_total"
    assert [world.value(name, tenant=tenant) for tenant in ("t0", "t1", "t2", OTHERS)] == [10, 10, 0, 30]


async def test_the_index_shows_who_is_kept_waiting(hold):
    world = World()
    assert world.value("quadrille_gateway_fairness_index", pool="generate") == 1.0
    world.begin("a", hold, tenant="a")
    world.begin("b", hold, tenant="b")
    await settle()
    assert world.value("quadrille_gateway_fairness_index", pool="generate") == pytest.approx(0.5)
    hold.set()


@pytest.mark.parametrize("seed", range(5))
async def test_in_any_confusion_all_places_come_back(seed):
    chance = random.Random(seed)
    world = World(running=2, queue_requests=4, longest_wait_s=0.02)
    holds = []

    async def one(number):
        hold = asyncio.Event()
        holds.append(hold)
        fails = ValueError() if chance.random() < 0.2 else None
        tier = chance.choice([0, 0, 1])
        with contextlib.suppress(QuadrilleError, ValueError, asyncio.CancelledError):
            await world.call(
                f"{number}",
                hold,
                tenant=chance.choice("abc"),
                fails=fails,
                priority=tier,
                tokens=chance.randint(1, 99),
            )

    tasks = []
    for number in range(200):
        tasks.append(asyncio.create_task(one(number)))
        for _ in range(chance.randint(0, 3)):
            await asyncio.sleep(0)
        if chance.random() < 0.6:
            chance.choice(holds or [asyncio.Event()]).set()
        if chance.random() < 0.3:
            chance.choice(tasks).cancel()
    for hold in holds:
        hold.set()
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0.001)
        for hold in holds:
            hold.set()
    for name in ("running", "waiting", "waiting_units"):
        assert world.value(f"quadrille_gateway_pool_{name}", pool="generate") == 0
    free = asyncio.Event()
    free.set()
    await asyncio.wait_for(asyncio.gather(*(world.call("end", free) for _ in range(2))), 5)
