"""Gateway: what the door adds to a call, and questions answered a second."""

from functools import partial
from pathlib import Path

from quadrille_cli.stack import Ports
from quadrille_client import AsyncClient

from benchmarks.clock import timed
from benchmarks.report import Ratio, Report, percentile

CALLS, ASKS = 300, 6
ROOT = Path(__file__).resolve().parent.parent


async def measure(ports: Ports) -> Report:
    """Measure a cheap unary call directly and through the gateway, then Ask."""
    report, medians = Report("gateway"), {}
    for door, port in (("direct", ports.text), ("gateway", ports.gateway)):
        async with AsyncClient(f"127.0.0.1:{port}") as client:
            call = partial(_detokenize, client)
            await timed(20, 1, call)
            _, latencies = await timed(CALLS, 1, call)
        medians[door] = percentile(latencies, 0.5)
        report.rows.append(
            {
                "operation": "detokenize",
                "door": door,
                "p50_ms": round(medians[door] * 1000, 3),
                "p99_ms": round(percentile(latencies, 0.99) * 1000, 3),
            }
        )
    async with AsyncClient(f"127.0.0.1:{ports.gateway}", timeout=300) as client:
        async for _ in client.ingest("docs", [ROOT / "docs"]):
            pass
        seconds, latencies = await timed(
            ASKS, 2, lambda _index: client.ask("docs", "What is the source of truth?", max_tokens=48)
        )
        report.rows.append(
            {
                "operation": "ask",
                "at_once": 2,
                "answers_per_s": round(ASKS / seconds, 2),
                "p50_s": round(percentile(latencies, 0.5), 3),
            }
        )
    overhead = medians["gateway"] / medians["direct"]
    report.ratios["unary_latency_gateway_to_direct"] = Ratio(round(overhead, 2), 3.0, "lower")
    return report


async def _detokenize(client: AsyncClient, _index: int) -> str:
    return await client.detokenize([5, 6, 7])
