"""A result as Markdown: engines by tokens a second, first token and memory; embeddings; ratios and goals. Pure."""

from benchmarks.markdown import Result, origin, table, verdict

PICTURE = "![Tokens a second by streams](../benchmarks/results/text.svg)"


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
        f"{origin(result, 'transformers')} Tokens a second, milliseconds to the first token, MB resident:",
        table(["", *head, "first token, 8 streams", f"memory, {max(streams)} streams"], measured),
        PICTURE,
        "Texts embedded a second:",
        table(["", "texts", "memory"], embedded),
        *verdict(result),
    ]
    return "\n\n".join(paragraphs)


def _shown(row: Result | None, name: str) -> str:
    value = None if row is None else row.get(name)
    return "–" if value is None else f"{value:.0f}"
