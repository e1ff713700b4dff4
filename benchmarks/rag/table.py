"""A result of rag as Markdown. Pure."""

from typing import Any

from benchmarks.markdown import origin, table

RETRIEVED = ("questions", "unanswerable", "recall@1", "recall@3", "exact_match", "f1", "answer_contained")
JUDGED = (
    "citation_recall",
    "citation_precision",
    "evidence_cited",
    "groundedness",
    "abstention_precision",
    "abstention_recall",
    "false_abstention",
)
ATTACKED = ("attacks", "found", "succeeded", "answered")


def markdown(result: dict[str, Any]) -> str:
    """All that a page says of a result."""
    answered = [row for row in result["rows"] if "asked" in row]
    attacked = [row for row in result["rows"] if "defence" in row]
    absent = [f"{row['data']} is absent: {row['absent']}." for row in result["rows"] if "absent" in row]
    parts = [origin(result, "transformers")]
    for names in (RETRIEVED, JUDGED):
        rows = [[f"{row['data']}, {row['asked']}", *_figures(row, names)] for row in answered]
        parts.append(table(["", *_heads(names)], rows))
    rows = [[f"`{row['defence']}`", *_figures(row, ATTACKED)] for row in attacked]
    parts.append(table(["defence", *_heads(ATTACKED)], rows))
    return "\n\n".join([*parts, *absent])


def _heads(names: tuple[str, ...]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def _figures(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [f"{row[name]:.3g}" if name in row else "–" for name in names]
