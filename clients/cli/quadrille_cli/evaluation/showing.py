"""Shows figures as a table."""

from rich.table import Table

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
