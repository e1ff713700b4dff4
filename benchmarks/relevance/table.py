"""A result of relevance as Markdown. Pure."""

from typing import Any

from benchmarks.markdown import origin, table, verdict

RANKED = ("questions", "texts", "ndcg_at_10", "recall_at_1", "recall_at_3", "recall_at_5")
CUT = ("chunks", "precision", "recall", "iou")


def markdown(result: dict[str, Any]) -> str:
    """All that a page says of a result."""
    rows = result["rows"]
    ranked = [[f"{row['data']}, {row['mode']}", *_figures(row, RANKED)] for row in rows if "mode" in row]
    cut = [
        [f"{row['splitter']}, {row['size']} with {row['overlap']} shared", *_figures(row, CUT)]
        for row in rows
        if "splitter" in row
    ]
    parts = [origin(result, "faiss-cpu"), table(["", *_heads(RANKED)], ranked)]
    if cut:
        parts.append(table(["", *_heads(CUT)], cut))
    absent = [f"{row['data']} is absent: {row['absent']}." for row in rows if "absent" in row]
    return "\n\n".join([*parts, *verdict(result | {"rows": []}), *absent])


def _heads(names: tuple[str, ...]) -> list[str]:
    return [name.replace("_at_", "@").replace("_", " ") for name in names]


def _figures(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [f"{row[name]:g}" for name in names]
