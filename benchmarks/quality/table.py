"""A result of quality as Markdown. Pure."""

from typing import Any

from benchmarks.markdown import origin, table, verdict

HEAD = ("", "perplexity", "same next token", "right answers", "abstention", "same answer")
SHOWN = ("perplexity", "same_next_token", "exact_match", "abstention", "same_answer")


def markdown(result: dict[str, Any]) -> str:
    """All that a page says of a result."""
    rows = [
        [row["network"], *(f"{row[name]:.5g}" for name in SHOWN)]
        for row in result["rows"]
        if "absent" not in row
    ]
    absent = [f"{row['network']} is absent: {row['absent']}." for row in result["rows"] if "absent" in row]
    return "\n\n".join(
        [origin(result, "transformers"), table(HEAD, rows), *verdict(result | {"rows": []}), *absent]
    )
