import asyncio
import contextlib

import pytest
from gateway.admission.accounts import Accounts
from gateway.admission.cost import text_cost
from gateway.admission.gate import Gate
from gateway.admission.metrics import AdmissionMetrics
from gateway.admission.pool import PoolLimits
from gateway.admission.quota import Quotas
from gateway.queues import Queue, queues
from prometheus_client import CollectorRegistry, Counter
from serving.call import Principal
from serving.errors import Overloaded
from serving.limits import Limits, Standing

PLACES = {"generate": 1, "image": 2}


async def test_what_runs_waits_and_is_refused_is_told_by_kind():
    registry = CollectorRegistry()
    Counter("quadrille_gateway_other_total", "Not a queue's", registry=registry).inc()
    limits = {name: PoolLimits(places, 1, 1e6, 60.0) for name, places in PLACES.items()}
    gate = Gate(limits, Accounts(Quotas()), AdmissionMetrics(registry, 0))
    assert queues(registry, PLACES).pools == {"generate": Queue(1), "image": Queue(2)}
    async with contextlib.AsyncExitStack() as running:
        await running.enter_async_context(gate.admitted("generate", text_cost(1)))

        async def wait():
            async with gate.admitted("generate", text_cost(1)):
                pass

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(Overloaded):
                await wait()
        waiting_now = queues(registry, PLACES)
        assert waiting_now.pools == {"generate": Queue(1, running=1, waiting=1, refused=2), "image": Queue(2)}
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    assert queues(registry, PLACES).pools["generate"] == Queue(1, refused=2)
    assert queues(registry, PLACES).limited == 0


def test_what_a_keys_limits_refuse_is_told_apart():
    registry = CollectorRegistry()
    gate = Gate({}, Accounts(Quotas()), AdmissionMetrics(registry, 0))
    ann = Principal("ann", standing=Standing("ann", Limits(concurrent_requests=1)))
    with gate.entered(ann), pytest.raises(Overloaded), gate.entered(ann):
        pass
    assert queues(registry, {}).limited == 1
