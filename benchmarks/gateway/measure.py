"""python -m benchmarks gateway: the doors in turn, then one of them with more than it can do."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from quadrille_cli.stack import Ports, Stack, local_stack
from quadrille_client import AsyncClient

from benchmarks.gateway import doors, overload, processor
from benchmarks.gateway.asking import closed, questions
from benchmarks.gateway.doors import Door
from benchmarks.gateway.litellm_proxy import PEER, proxied
from benchmarks.gateway.ratios import DIRECT, GRPC, HTTP, STREAMED, WHOLE, ratios
from benchmarks.gateway.summary import summary
from benchmarks.load.goodput import Outcome
from benchmarks.report import Report
from benchmarks.text.engines import Absent

MODEL, FOLDER = "micro", "starter/text/micro"
TIMEOUT_S, UNLIMITED = 600, httpx.Limits(max_connections=None, max_keepalive_connections=None)


def measure(arguments: Sequence[str]) -> Report:
    """Rows by door and streams, then by load; `arguments` are those of `--help`."""
    asked, report = options(arguments), Report("gateway")
    report.rows.append({"operation": "setting", **vars(asked)})
    # A small model, so that a door's share can be seen, and nobody waits long for a turn on the device.
    os.environ["QUADRILLE_TEXTGEN_MODELS"] = f"{MODEL}={FOLDER}"
    os.environ["QUADRILLE_TEXTGEN_MAX_WAITING"] = os.environ["QUADRILLE_TEXTGEN_MAX_BATCH_SIZE"] = "64"
    os.environ["QUADRILLE_GATEWAY_GENERATE_PLACES"] = "64"
    ports = Ports.free()
    with tempfile.TemporaryDirectory() as scratch, local_stack(Path(scratch), ports=ports) as stack:
        asyncio.run(_measure(asked, report, ports, stack, Path(scratch)))
    report.ratios = ratios(report.rows)
    return report


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gateway")
    parser.add_argument("--streams", type=int, nargs="+", default=(1, 16, 64), help="clients at once")
    parser.add_argument(
        "--requests", type=int, default=96, help="of a door, in a round of each number of streams"
    )
    parser.add_argument("--rounds", type=int, default=5, help="the doors take turns so often")
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="of each load beyond what can be done; 0: none"
    )
    return parser.parse_args(arguments)


async def _measure(
    asked: argparse.Namespace, report: Report, ports: Ports, stack: Stack, scratch: Path
) -> None:
    async with AsyncExitStack() as opened:
        doors_ = await _doors(opened, report, ports, stack, scratch)
        for streams in asked.streams:
            for operation in (STREAMED, WHOLE):
                report.rows += await _in_turn(asked, doors_, operation, streams)
        if asked.seconds:
            hurried = AsyncClient(f"127.0.0.1:{ports.gateway}", timeout=overload.DEADLINE_S, max_retries=0)
            client = await opened.enter_async_context(hurried)
            pid = stack.process("gateway").pid
            door = Door(GRPC, pid, *doors.by_sdk(client, MODEL))
            report.rows += await overload.measure(door, asked.seconds)


async def _doors(
    opened: AsyncExitStack, report: Report, ports: Ports, stack: Stack, scratch: Path
) -> list[Door]:
    text, gateway = (stack.process(name).pid for name in ("textgen", "gateway"))
    found = []
    for name, pid, port in ((DIRECT, text, ports.text), (GRPC, gateway, ports.gateway)):
        client = AsyncClient(f"127.0.0.1:{port}", timeout=TIMEOUT_S, max_retries=0)
        found.append(Door(name, pid, *doors.by_sdk(await opened.enter_async_context(client), MODEL)))
    url = f"http://127.0.0.1:{ports.http}/v1/"
    plain = await opened.enter_async_context(_client(url))
    found.append(Door(HTTP, gateway, *doors.by_http(plain, MODEL)))
    try:
        behind, key, pid = opened.enter_context(proxied(MODEL, url, scratch))
        keyed = await opened.enter_async_context(_client(behind, key))
        found.append(Door(PEER.name, pid, *doors.by_http(keyed, MODEL)))
    except Absent as absent:
        report.rows.append({"engine": PEER.name, "operation": STREAMED, "absent": str(absent)})
    return found


@asynccontextmanager
async def _client(url: str, key: str = "") -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(
        headers=headers, base_url=url, timeout=TIMEOUT_S, limits=UNLIMITED, trust_env=False
    ) as client:
        yield client


async def _in_turn(
    asked: argparse.Namespace, found: Sequence[Door], operation: str, streams: int
) -> list[dict[str, Any]]:
    """All doors with as many streams; each round asks every door, so that what else the machine does meets all."""
    outcomes: dict[str, list[Outcome]] = {door.name: [] for door in found}
    spent, processors = dict.fromkeys(outcomes, 0.0), dict.fromkeys(outcomes, 0.0)
    for round_ in range(-1, asked.rounds):
        for place, door in enumerate(found):
            sys.stderr.write(f"gateway: {streams} {operation}, round {round_ + 1}, {door.name}\n")
            count = 2 * streams if round_ < 0 else max(asked.requests, 2 * streams)
            begun, busy = time.perf_counter(), processor.seconds(door.pid)
            ask = door.streamed if operation == STREAMED else door.whole
            answered = await closed(ask, questions(count, f"{operation} {streams} {round_} {place}"), streams)
            if round_ < 0:  # connections are made, and code is met for the first time
                continue
            spent[door.name] += time.perf_counter() - begun
            processors[door.name] += processor.seconds(door.pid) - busy
            outcomes[door.name] += answered
    return [
        {
            "engine": name,
            "operation": operation,
            "streams": streams,
            **summary(answered, spent[name], processors[name]),
        }
        for name, answered in outcomes.items()
    ]
