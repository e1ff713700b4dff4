"""A result as Markdown: kills by where they struck, and what was found after them. Pure."""

from benchmarks.markdown import Result, origin, table, verdict


def markdown(result: Result) -> str:
    """All that a page says of a result."""
    [setting] = [row for row in result["rows"] if row["operation"] == "setting"]
    [whole] = [row for row in result["rows"] if row["operation"] == "all"]
    kills = [
        [row["at"], str(row["kills"]), str(row["not_reached"])]
        for row in result["rows"]
        if row["operation"] == "kills"
    ]
    found = (
        f"{whole['kills']} kills in {whole['hours']:g} hours, with {setting['writers']} clients that wrote;"
        f" {whole['acknowledged_writes']:,} acknowledged writes, {len(whole['problems'])} problems. A start took"
        f" {whole['start_p50_s']:g} s in the median and {whole['start_max_s']:g} s at most."
    )
    head = ("killed at", "times", "of these not reached")
    return "\n\n".join([origin(result, "faiss-cpu"), found, table(head, kills), *verdict(result)])
