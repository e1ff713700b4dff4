"""Sets of questions in formats of others, turned into folders of questions and documents."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Literal

from quadrille_cli.evaluation.dataset import Place, Question, line
from quadrille_cli.failures import Failed

Format = Literal["squad", "chunking"]
QUESTIONS, DOCUMENTS = "questions.jsonl", "documents"


@dataclass(frozen=True, slots=True)
class Group:
    """Documents that belong together, by file name, and the questions about them."""

    documents: Mapping[str, str]
    questions: tuple[Question, ...]


def convert(form: Format, source: Path, out: Path, *, left_out: int = 0) -> tuple[int, int]:
    """Write what a source of another format holds. Raises Failed where it is not of the format."""
    try:
        groups = list(_FORMATS[form](source))
    except (KeyError, IndexError, TypeError, ValueError, csv.Error) as error:
        raise Failed(f"{source} is not what {form} is: {error}") from error
    return write(groups, out, left_out=left_out)


def write(groups: Iterable[Group], out: Path, *, left_out: int = 0) -> tuple[int, int]:
    """Write questions.jsonl and documents/ below `out`; returns how many questions and documents.

    Of every `left_out` groups the documents of the last are left out, so that its questions have no answer.
    """
    written = asked = 0
    (out / DOCUMENTS).mkdir(parents=True, exist_ok=True)
    with (out / QUESTIONS).open("w", encoding="utf-8") as lines:
        for number, group in enumerate(groups, start=1):
            missing = bool(left_out) and number % left_out == 0
            for name, text in ({} if missing else group.documents).items():
                (out / DOCUMENTS / name).write_bytes(text.encode())
                written += 1
            for item in group.questions:
                lines.write(line(_without_answer(item) if missing else item))
                asked += 1
    return asked, written


def squad(path: Path) -> Iterator[Group]:
    """SQuAD's JSON, as XQuAD has it: a group an article, a document a paragraph, answers with their characters.

    Questions that SQuAD 2.0 marks as impossible are unanswerable.
    """
    for number, article in enumerate(json.loads(path.read_bytes())["data"]):
        documents, questions = {}, []
        for place, paragraph in enumerate(article["paragraphs"]):
            name, text = f"{number:03}-{place:03}.txt", paragraph["context"]
            documents[name] = text
            starts = _byte_starts(text)
            for item in paragraph["qas"]:
                spans = [
                    (starts[each["answer_start"]], starts[each["answer_start"] + len(each["text"])])
                    for each in item["answers"]
                ]
                questions.append(
                    Question(
                        item["id"],
                        item["question"],
                        tuple(dict.fromkeys(each["text"] for each in item["answers"])),
                        tuple(Place(f"{DOCUMENTS}/{name}", *span) for span in spans[:1]),
                        unanswerable=not spans,
                    )
                )
        yield Group(documents, tuple(questions))


def chunking(folder: Path) -> Iterator[Group]:
    """The sets of "Evaluating Chunking Strategies for Retrieval" (Chroma, 2024): corpora/*.md and questions_df.csv.

    A group a corpus. The questions come with characters of their evidence, and without answers.
    """
    rows = list(csv.DictReader(io.StringIO((folder / "questions_df.csv").read_bytes().decode(), newline="")))
    for path in sorted((folder / "corpora").glob("*.md")):
        text, name = path.read_bytes().decode(), path.name
        starts = _byte_starts(text)
        questions = [
            Question(
                f"{path.stem}-{number}",
                row["question"],
                evidence=tuple(
                    Place(f"{DOCUMENTS}/{name}", starts[each["start_index"]], starts[each["end_index"]])
                    for each in json.loads(row["references"])
                ),
            )
            for number, row in enumerate(rows)
            if row["corpus_id"] == path.stem
        ]
        yield Group({name: text}, tuple(questions))


_FORMATS: Mapping[Format, Callable[[Path], Iterator[Group]]] = {"squad": squad, "chunking": chunking}


def _byte_starts(text: str) -> list[int]:
    """The byte at which each character begins, and the end."""
    return list(accumulate((len(char.encode()) for char in text), initial=0))


def _without_answer(item: Question) -> Question:
    return replace(item, answers=(), evidence=(), unanswerable=True)
