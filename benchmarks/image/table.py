"""A result as Markdown: what was measured with, every load on every engine, ratios and goals. Pure."""

from typing import Any

from benchmarks.image.ratios import SERIAL, STATIC
from benchmarks.markdown import Result, origin, table, verdict

PICTURE = "![Images a second by clients, and latency by load](../benchmarks/results/image.svg)"
CASES = {"mixed": "Steps that differ", "uniform": "Equal steps"}
HEAD = ("engine", "load", "images a second", "mean", "p95", "p99", "occupancy", "in time a second")
# What a ratio says, in words.
MEANING = {
    "mixed_8_rate_to_one_by_one": "where steps differ, 8 clients get {:g} times the images of a pipeline one by one",
    "mixed_8_rate_to_static": "{:g} times those of static batching by steps",
    "mixed_8_rate_to_padded": "{:g} times those of padded batches",
    "mixed_0.8_latency_to_static": "at 0.8 of capacity an image takes on average {:g} of its time by steps",
    "mixed_0.8_latency_to_padded": "and {:g} of its time padded",
    "uniform_8_rate_to_static": "at equal steps 8 clients get {:g} times the images of static batching",
    "uniform_0.8_latency_to_static": "each at 0.8 of capacity in {:g} of the time",
    "single_to_bare_pipeline": "alone, a request takes {:g} times as long as without a server",
    "strict_8_rate_to_ours": "strict mode leaves {:g} of the rate where steps differ",
}
SHOWN = ("requests_per_s", "mean_s", "p95_s", "p99_s", "occupancy", "goodput_per_s")


def markdown(result: Result) -> str:
    """All that a page says of a result."""
    setting, paragraphs = _setting(result), []
    for case, title in CASES.items():
        steps = " or ".join(map(str, setting[f"{case}_steps"]))
        shown = [
            [row["engine"], _load(row), *(_shown(row, name) for name in SHOWN)]
            for row in measured(result, case)
        ]
        paragraphs += [f"**{title}** ({steps}); latencies in seconds:", table(HEAD, shown)]
    return "\n\n".join(
        [_head(result), meaning(result), PICTURE, *paragraphs, *_alternated(result), *verdict(result)]
    )


def meaning(result: Result) -> str:
    """The ratios as a sentence; those that could not be made are left out."""
    ratios = result["ratios"]
    clauses = [words.format(ratios[name]["value"]) for name, words in MEANING.items() if name in ratios]
    return f"In short: {'; '.join(clauses)}."


def measured(result: Result, case: str) -> list[Result]:
    """Rows of a case, in order."""
    return [row for row in result["rows"] if row.get("case") == case]


def engines(result: Result) -> list[str]:
    """Engines that loads were sent to, in order."""
    return list(dict.fromkeys(row["engine"] for row in result["rows"] if "case" in row))


def _setting(result: Result) -> Result:
    setting: Result = next(row for row in result["rows"] if row.get("operation") == "setting")
    return setting


def _head(result: Result) -> str:
    setting = _setting(result)
    counts = sorted({row["requests"] for row in result["rows"] if "case" in row})
    requests = f"{counts[0]} to {counts[-1]}" if counts[1:] else f"{counts[0]}"
    variants = {row["engine"]: row["variant"] for row in result["rows"] if row.get("operation") == "variant"}
    return (
        f"{origin(result, 'diffusers')} The model is `{setting['model']}` on {setting['device']}, "
        f"{setting['threads']} threads, guidance {setting['guidance_scale']:g}; {requests} requests a figure. "
        f"Fastest was {variants[SERIAL]} for one by one and {variants[STATIC]} for batches; ours takes the "
        "number type of the latter."
    )


def _alternated(result: Result) -> list[str]:
    shown = [
        [row["engine"], f"{row['median_s']:.3f}", f"{row['mean_s']:.3f}"]
        for row in result["rows"]
        if row.get("load") == "alternated"
    ]
    said = "**One request at a time**, to each engine in turn and in the same number type; seconds:"
    return [said, table(("", "median", "mean"), shown)]


def _load(row: Result) -> str:
    if row["load"] == "closed":
        return f"{row['clients']} {'client' if row['clients'] == 1 else 'clients'}"
    return f"{row['part']:g} of capacity, {row['offered_per_s']:.3g} a second"


def _shown(row: Result, name: str) -> str:
    value: Any = row.get(name)
    return "–" if value is None else f"{value:.3g}"
