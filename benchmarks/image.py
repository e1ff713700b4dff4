"""Images: images a second, one request at a time and four at once."""

from quadrille_cli.stack import Ports
from quadrille_client import AsyncClient

from benchmarks.clock import timed
from benchmarks.report import Ratio, Report, percentile

REQUESTS = 8
STEPS = 10


async def measure(ports: Ports) -> Report:
    """Measure the image service directly, through the SDK."""
    report = Report("image")
    rates = {}
    async with AsyncClient(f"127.0.0.1:{ports.image}", timeout=300) as client:
        await client.images.generate("a red circle", steps=2)
        for at_once in (1, 4):
            seconds, latencies = await timed(
                REQUESTS,
                at_once,
                lambda index: client.images.generate("a red circle", steps=STEPS, seed=index),
            )
            rates[at_once] = REQUESTS / seconds
            report.rows.append(
                {
                    "operation": "generate",
                    "steps": STEPS,
                    "at_once": at_once,
                    "images_per_s": round(rates[at_once], 2),
                    "p50_s": round(percentile(latencies, 0.5), 3),
                }
            )
    report.ratios["images_4_at_once_to_1"] = Ratio(round(rates[4] / rates[1], 2), 1.2, "higher")
    return report
