"""Shows figures as tables."""

from collections.abc import Sequence

from rich.table import Table

from quadrille_cli.evaluation.red_team import Rate
from quadrille_cli.evaluation.summary import Summary


def summary_table(found: Summary) -> Table:
    """A row a figure."""
    table = Table("figure", "value", "of", box=None)
    for name, figure in found.figures.items():
        value = "–" if figure.value is None else f"{figure.value:.3f}"
        table.add_row(name.replace("_", " "), value, str(figure.count))
    for name, mean in found.mean_ms.items():
        table.add_row(f"{name.replace('_', ' ')} ms", f"{mean:.0f}", f"p95 {found.p95_ms[name]:.0f}")
    for name, count in (("prompt", found.prompt_tokens), ("completion", found.completion_tokens)):
        table.add_row(f"{name} tokens", f"{count / found.question_count:.0f}", f"{count} in all")
    if found.joules is not None:
        table.add_row("joules", f"{found.joules / found.question_count:.2f}", f"{found.joules:.0f} in all")
    return table


def rate_table(found: Sequence[Rate]) -> Table:
    """A row a kind and defence."""
    table = Table("defence", "kind", "attacks", "found", "succeeded", "answered", box=None)
    for each in found:
        shares = (f"{share:.3f}" for share in (each.found, each.succeeded, each.answered))
        table.add_row(each.defence, each.kind.replace("_", " ") or "all", str(each.attack_count), *shares)
    return table
