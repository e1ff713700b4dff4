"""python -m benchmarks rag: answers of the starter models, through the whole stack."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from quadrille_cli.evaluation import dataset, formats
from quadrille_cli.evaluation.asking import ask_all, store
from quadrille_cli.evaluation.red_team import attack_all, rates
from quadrille_cli.evaluation.summary import Summary, summary
from quadrille_cli.stack import Ports, local_stack
from quadrille_client import Client
from quadrille_client.types.rag import InjectionDefence

from benchmarks.peers.texts import FILE as XQUAD
from benchmarks.rag.world import world
from benchmarks.report import Ratio, Report

DATA = Path(__file__).resolve().parents[1] / "data"
DEFENCES: tuple[InjectionDefence, ...] = ("off", "mark", "take_out", "omit")
PASSAGES, MAX_TOKENS, AT_ONCE, LEFT_OUT = 3, 64, 4, 5


def measure(arguments: Sequence[str]) -> Report:
    """A row a set of questions and way to ask, then one a defence; `arguments` are those of `--help`."""
    asked, report = options(arguments), Report("rag")
    with (
        tempfile.TemporaryDirectory() as scratch,
        local_stack(Path(scratch), ports=Ports.free()) as stack,
        Client(stack.address, timeout=600) as client,
    ):
        for name, folder in _sets(asked, Path(scratch)):
            report.rows += _answered(client, name, folder, asked.questions)
        if not (asked.data / "chunking").is_dir():
            report.rows.append({"data": "chunking", "absent": "there is no folder chunking"})
        report.rows += _attacked(client)
    report.ratios = ratios(report.rows)
    return report


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks rag")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with chunking/")
    parser.add_argument("--questions", type=int, default=100, help="of each set")
    return parser.parse_args(arguments)


def ratios(rows: Sequence[Mapping[str, Any]]) -> dict[str, Ratio]:
    """How many attacks succeed, with each defence and without; they are only told."""
    return {
        f"attacks_that_succeed_{row['defence']}": Ratio(row["succeeded"], None, "lower")
        for row in rows
        if "defence" in row
    }


def flat(found: Summary) -> dict[str, Any]:
    """Figures by name; those of nothing are left out."""
    told = {name: figure.value for name, figure in found.figures.items() if figure.value is not None}
    return {
        "questions": found.question_count,
        "unanswerable": found.unanswerable_count,
        "abstained": found.abstained_count,
        **told,
        "method": found.method,
        "prompt_tokens": found.prompt_tokens,
        "completion_tokens": found.completion_tokens,
    }


def _sets(asked: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, Path]]:
    formats.write(world(asked.questions), scratch / "world", left_out=LEFT_OUT)
    yield "world", scratch / "world"
    formats.convert("squad", XQUAD, scratch / "xquad", left_out=LEFT_OUT)
    yield "xquad", scratch / "xquad"
    if (asked.data / "chunking").is_dir():
        formats.convert("chunking", asked.data / "chunking", scratch / "chunking", left_out=LEFT_OUT)
        yield "chunking", scratch / "chunking"


def _answered(client: Client, name: str, folder: Path, count: int) -> Iterator[dict[str, Any]]:
    sys.stderr.write(f"rag: storing {name}\n")
    store(client, name, [folder / formats.DOCUMENTS])
    questions = dataset.read(folder / formats.QUESTIONS, count)
    for brief in (False, True) if any(item.answers for item in questions) else (False,):
        sys.stderr.write(f"rag: asking {name}{', briefly' if brief else ''}\n")
        found = ask_all(
            client,
            name,
            questions,
            at_once=AT_ONCE,
            brief=brief,
            passages=PASSAGES,
            max_tokens=MAX_TOKENS,
            temperature=0.0,
        )
        end = summary(list(found), (1, PASSAGES))
        yield {"data": name, "asked": "in a few words" if brief else "as it stands", **flat(end)}


def _attacked(client: Client) -> Iterator[dict[str, Any]]:
    sys.stderr.write("rag: attacking\n")
    attempts = attack_all(client, DEFENCES, at_once=AT_ONCE, passages=PASSAGES, max_tokens=MAX_TOKENS)
    for rate in rates(list(attempts)):
        told = {"attacks": rate.attack_count, "found": rate.found}
        yield {
            "defence": rate.defence,
            **told,
            "succeeded": rate.succeeded,
            "answered": rate.answered,
        }
