"""A result of text-gpu as Markdown. Pure."""

from benchmarks.markdown import Result, origin, table, verdict


def markdown(result: Result) -> str:
    """All that a page says of a result."""
    generated = [row for row in result["rows"] if "streams" in row]
    rates = {(row["engine"], row["streams"]): f"{row['tokens_per_s']:.0f}" for row in generated}
    engines = list(dict.fromkeys(row["engine"] for row in generated))
    streams = list(dict.fromkeys(row["streams"] for row in generated))
    head = ("", *("1 stream" if count == 1 else f"{count} streams" for count in streams))
    rows = [[engine, *(rates.get((engine, count), "–") for count in streams)] for engine in engines]
    device = next(row for row in result["rows"] if row["operation"] == "device")
    said = (
        f"{device['device']}, which copies {device['copied_gb_per_s']} GB/s; weights of {device['weights_gb']:g} GB. "
        "Tokens a second:"
    )
    return "\n\n".join([origin(result, "transformers"), said, table(head, rows), *verdict(result)])
