"""What the demo does with a running stack, one method a step."""

from pathlib import Path

from quadrille_client import Client
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quadrille_cli.answers import AnswerPrinter
from quadrille_cli.commands.image import draw
from quadrille_cli.commands.ingest import ingest_files
from quadrille_cli.commands.models import loaded, model_table
from quadrille_cli.commands.status import health_table, service_health
from quadrille_cli.demo.figures import figures, scrape
from quadrille_cli.failures import Failed
from quadrille_cli.stack import Stack

ALMANAC, DOCS = "almanac", "quadrille-docs"
QUESTIONS = (
    "Who founded Marrowmere?",
    "How high is the lighthouse?",
    "Where does the library store its books?",
    "Who wrote the anthem?",
)
QUERY = "graceful shutdown of a server"
PROMPT = "The gateway answers questions from"
CONTINUATIONS = (" documents and cites them.", " purple bicycles under seventeen.")
PICTURES = (
    ("a small red circle above a blue square", 1),
    ("a large green ring in the top left on a yellow background", 17),
)


class Showing:
    """The steps; each raises when it fails."""

    def __init__(self, client: Client, stack: Stack, out: Path, to: Console) -> None:
        self._client = client
        self._stack = stack
        self._out = out
        self._console = to

    def models(self) -> None:
        """What is loaded."""
        self._console.print(model_table(loaded(self._client)))

    def ingest(self, collection: str, paths: list[Path]) -> None:
        """Read files into a collection."""
        end = ingest_files(self._client, collection, paths)
        self._console.print(f"{end.stored_count} files, {end.chunk_count} chunks in {end.collection}")
        if end.refused_count:
            raise Failed(f"{end.refused_count} files were refused")

    def ask(self, question: str) -> None:
        """Stream an answer with its passages, citations and support."""
        with self._client.stream_ask(ALMANAC, question, passages=2, max_tokens=96, temperature=0.0) as stream:
            printer = AnswerPrinter(self._console)
            for event in stream:
                printer.show(event)

    def search(self) -> None:
        """Embed a query, then search by meaning, by words and by both."""
        embedded = self._client.embed(QUERY)
        self._console.print(f"“{QUERY}” is {len(embedded.vectors[0])} numbers by {embedded.model}")
        table = Table("mode", "best chunk", "passage", "ms", box=None)
        for mode in ("dense", "lexical", "hybrid"):
            found = self._client.search(DOCS, QUERY, mode=mode, top_k=1)
            for hit in found.hits:
                opening = Text(" ".join(hit.text.split())[:90])
                table.add_row(mode, Text(hit.chunk_id), opening, f"{found.search_ms:.1f}")
        self._console.print(table)
        if not table.row_count:
            raise Failed("no search found anything")

    def score(self) -> None:
        """Compare the likelihoods of two continuations."""
        self._console.print(Text(f"{PROMPT} …"))
        table = Table("continuation", "logprob (nats)", "perplexity", "bits per byte", box=None)
        for text, score in zip(CONTINUATIONS, self._client.score(CONTINUATIONS, prompt=PROMPT), strict=True):
            figures_ = (f"{score.logprob:.2f}", f"{score.perplexity:.1f}", f"{score.bits_per_byte:.2f}")
            table.add_row(Text(text.strip()), *figures_)
        self._console.print(table)

    def images(self) -> None:
        """Draw two images of each prompt."""
        for prompt, seed in PICTURES:
            for path in draw(self._client, prompt, self._out, count=2, seed=seed):
                self._console.print(Text(f"{path} ({path.stat().st_size:,} bytes): {prompt}"))

    def health(self) -> None:
        """Health of each service, and its key metrics."""
        health = service_health(self._client)
        self._console.print(health_table(health))
        table = Table("service", "metric", "value", box=None)
        for service in self._stack.services:
            if service.metrics_url is not None:
                for name, value in figures(scrape(service.metrics_url)):
                    table.add_row(service.name, name, value)
        self._console.print(table)
        if not all(health.values()):
            raise Failed("a service does not serve")
