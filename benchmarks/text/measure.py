"""All engines one after the other, each alone on all cores, and what they amount to."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import Report
from benchmarks.text import engines, model, served
from benchmarks.text.ratios import INT8, OURS, TRANSFORMERS, WHOLE, agreement, ratios

FOLDER = engines.ROOT / "out/benchmarks/llama-135m/weights"
REFERENCE = TRANSFORMERS[0]
# A server each, since prompts that come again would be found in the prefix cache.
OURS_ASKED: dict[str, dict[str, Any]] = {
    OURS: {},
    OURS + WHOLE: {"gathered_ms": served.GATHERED_MS},
    INT8: {"int8": True},
}


def measure() -> Report:
    """Tokens a second, time to the first token and memory by engine and streams; texts a second embedded."""
    folder, report = model.ensure(FOLDER), Report("text")
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        for name, options in OURS_ASKED.items():
            _tell(name)
            report.rows += [
                {"engine": name, **row} for row in served.generate_rows(scratch, folder, **options)
            ]
        _tell("embeddings")
        report.rows.append({"engine": OURS, **served.embed_row(scratch)})
    for peer in engines.GENERATORS:
        report.rows += engines.rows(peer, "generate", _tell, "--model", str(folder))
    for peer in engines.EMBEDDERS:
        report.rows += engines.rows(peer, "embed", _tell)
    _compare_first_tokens(report.rows)
    report.ratios = ratios(report.rows)
    return report


def _compare_first_tokens(rows: list[dict[str, Any]]) -> None:
    """Replace each row's first tokens by their agreement with those of transformers, or else with ours."""
    firsts = {
        (row["engine"], row["streams"]): row.pop("first_tokens") for row in rows if "first_tokens" in row
    }
    for row in rows:
        if (tokens := firsts.get((row["engine"], row.get("streams")))) is not None:
            reference = firsts.get((REFERENCE, row["streams"]), firsts[OURS, row["streams"]])
            row["first_tokens_agree"] = agreement(tokens, reference)


def _tell(what: str) -> None:
    sys.stderr.write(f"text: {what}\n")
