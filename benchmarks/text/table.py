"""A result as Markdown: engines by tokens a second, first token and memory; embeddings; ratios and goals. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

PICTURE = "![Tokens a second by streams](../benchmarks/results/text.svg)"
Result = dict[str, Any]


def generated(result: Result) -> dict[tuple[str, int], Result]:
    """Rows of generation by engine and streams."""
    return {
        (row["engine"], row["streams"]): row
        for row in result["rows"]
        if row["operation"] == "generate" and "streams" in row
    }


def engines(result: Result) -> list[str]:
    """Engines that generated something, in the order of the result."""
    return list(dict.fromkeys(engine for engine, _ in generated(result)))


def markdown(result: Result) -> str:
    """All that a page says of a result."""
    rows = generated(result)
    streams = sorted({count for _, count in rows})
    head = [f"{count} {'stream' if count == 1 else 'streams'}" for count in streams]
    measured = [
        [
            engine,
            *(_shown(rows.get((engine, count)), "tokens_per_s") for count in streams),
            _shown(rows.get((engine, 8)), "ttft_ms"),
            _shown(rows.get((engine, max(streams))), "peak_mb"),
        ]
        for engine in engines(result)
    ]
    embedded = [
        [row["engine"], _shown(row, "texts_per_s"), _shown(row, "peak_mb")]
        for row in result["rows"]
        if row["operation"] == "embed" and "texts_per_s" in row
    ]
    paragraphs = [
        f"{origin(result)} Tokens a second, milliseconds to the first token, MB resident:",
        table(["", *head, "first token, 8 streams", f"memory, {max(streams)} streams"], measured),
        PICTURE,
        "Texts embedded a second:",
        table(["", "texts", "memory"], embedded),
        *verdict(result),
    ]
    return "\n\n".join(paragraphs)


def origin(result: Result) -> str:
    """The command, the machine and the versions."""
    machine = result["machine"]
    facts = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB"
    versions = ", ".join(f"{name} {result['versions'][name]}" for name in ("torch", "transformers"))
    return f"`{result['command']}` on {facts}; {versions}."


def verdict(result: Result) -> list[str]:
    """Ratios beside their goals, and who is absent."""
    ratios = [
        [name.replace("_", " "), f"{ratio['value']:g}", _goal(ratio), "yes" if met(ratio) else "no"]
        for name, ratio in result["ratios"].items()
    ]
    absent = [f"{row['engine']} is absent: {row['absent']}." for row in result["rows"] if "absent" in row]
    return ["What was aimed at:", table(["ratio", "value", "goal", "met"], ratios), *absent]


def met(ratio: Result) -> bool:
    """Whether a ratio is where it should be."""
    if ratio["better"] == "higher":
        return bool(ratio["value"] >= ratio["goal"])
    return bool(ratio["value"] <= ratio["goal"])


def marks(name: str) -> tuple[str, str]:
    """Where a result's figures begin and end in the page."""
    return f"<!-- {name}: make bench-page writes this -->", f"<!-- end of {name} -->"


def inserted(page: str, name: str, figures: str) -> str:
    """The page with a result's figures between their marks. ValueError where it has none."""
    before, begin, rest = page.partition(marks(name)[0])
    _, end, after = rest.partition(marks(name)[1])
    if not (begin and end):
        raise ValueError(f"the page lacks {' or '.join(marks(name))}")
    return f"{before}{begin}\n{figures}\n{end}{after}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text, and the others numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(row: Result | None, name: str) -> str:
    value = None if row is None else row.get(name)
    return "–" if value is None else f"{value:.0f}"


def _goal(ratio: Result) -> str:
    return f"{'≥' if ratio['better'] == 'higher' else '≤'} {ratio['goal']:g}"
