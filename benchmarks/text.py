"""Text: tokens a second by number of streams, and texts embedded a second by batch."""

from quadrille_cli.stack import Ports
from quadrille_client import AsyncClient

from benchmarks.clock import timed
from benchmarks.report import Ratio, Report, percentile

TOKENS = 64
STREAMS = (1, 4, 8)
SENTENCE = "A gateway answers questions from documents and cites the passage that it used, number {}."


async def measure(ports: Ports) -> Report:
    """Measure the text service directly, through the SDK."""
    report = Report("text")
    async with AsyncClient(f"127.0.0.1:{ports.text}", timeout=300) as client:
        await client.generate("warm up", max_tokens=8, temperature=0, ignore_eos=True)
        rates = {}
        for streams in STREAMS:
            seconds, latencies = await timed(
                streams * 2,
                streams,
                lambda index: client.generate(
                    f"The story of number {index}", max_tokens=TOKENS, temperature=0, ignore_eos=True
                ),
            )
            rates[streams] = streams * 2 * TOKENS / seconds
            report.rows.append(
                {
                    "operation": "generate",
                    "streams": streams,
                    "tokens_per_s": round(rates[streams], 1),
                    "p50_s": round(percentile(latencies, 0.5), 3),
                }
            )
        texts = [SENTENCE.format(index) for index in range(64)]
        await client.embed(texts[:2])
        alone, _ = await timed(len(texts), 1, lambda index: client.embed(texts[index]))
        together, _ = await timed(1, 1, lambda _index: client.embed(texts))
        for batch, seconds in ((1, alone), (len(texts), together)):
            report.rows.append(
                {"operation": "embed", "batch": batch, "texts_per_s": round(len(texts) / seconds, 1)}
            )
    report.ratios["generate_8_streams_to_1"] = Ratio(round(rates[8] / rates[1], 2), 2.0, "higher")
    report.ratios["embed_batch_64_to_1"] = Ratio(round(alone / together, 2), 1.5, "higher")
    return report
