"""Shows an answer that rests on documents as it comes."""

from quadrille_client.types.rag import (
    AnswerDelta,
    AskFinished,
    Citation,
    Retrieved,
    Rewritten,
    SentenceSupport,
)
from rich.console import Console
from rich.text import Text

Event = Rewritten | Retrieved | AnswerDelta | Citation | SentenceSupport | AskFinished
_ABSTENTIONS = {
    "nothing_found": "nothing was found",
    "nothing_usable": "nothing that was found may be used",
    "model": "the model found no answer in the passages",
    "unsupported": "no passage supports the answer",
}


class AnswerPrinter:
    """Passages, text, then citations, sentences that nothing supports, and how well all is supported."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._citations: list[Citation] = []

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Rewritten):
            self._line(f"searched for: {event.query} ({event.method})", "dim")
        elif isinstance(event, Retrieved):
            self._passages(event)
        elif isinstance(event, AnswerDelta):
            self._console.out(event.text, end="", highlight=False)
        elif isinstance(event, Citation):
            self._citations.append(event)
        elif isinstance(event, AskFinished):
            self._end(event)

    def _passages(self, event: Retrieved) -> None:
        for passage in event.passages:
            hit = passage.hit
            opening = " ".join(hit.text.split())[:80]
            place = f"{hit.document_id} bytes {hit.start_byte}-{hit.end_byte}"
            self._line(f"[{passage.number}] {place}: {opening}…", "dim")
            kinds = ", ".join(dict.fromkeys(each.kind for each in passage.suspicions))
            if kinds:
                self._line(f"    reads like an instruction: {kinds}", "yellow")
        for left in event.omitted:
            self._line(f"left out: {left.chunk_id} ({left.reason.replace('_', ' ')})", "dim")

    def _end(self, event: AskFinished) -> None:
        self._console.out("")
        for item in self._citations:
            said = f"answer bytes {item.answer_start_byte}-{item.answer_end_byte}"
            place = item.evidence or item
            rests = f"{item.document_id} bytes {place.start_byte}-{place.end_byte}"
            self._line(f"  [{item.number}] {said} rest on {rests}", "cyan")
        support = event.groundedness
        for sentence in support.sentences:
            if not sentence.supported:
                place_in_answer = f"answer bytes {sentence.answer_start_byte}-{sentence.answer_end_byte}"
                why = "repeat an instruction" if sentence.repeats_instruction else "are not supported"
                self._line(f"  {place_in_answer} {why} ({sentence.support:.2f})", "yellow")
        if event.abstention is not None:
            self._line(f"  no answer: {_ABSTENTIONS.get(event.abstention, event.abstention)}", "yellow")
        self._line(
            f"  grounded {support.score:.2f}: {support.supported_sentence_count} of "
            f"{support.sentence_count} sentences ({support.method}); {event.model or 'no model'}, "
            f"search {event.search_ms:.0f} ms, first token {event.first_token_ms:.0f} ms",
            "dim",
        )

    def _line(self, text: str, style: str) -> None:
        self._console.print(Text(text, style=style))
