"""What pages say of any result: where it comes from, tables, ratios and goals. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

Result = dict[str, Any]


def origin(result: Result, *packages: str) -> str:
    """The command, the machine and the versions, torch's and those of `packages`."""
    machine = result["machine"]
    facts = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB"
    versions = ", ".join(f"{name} {result['versions'][name]}" for name in ("torch", *packages))
    return f"`{result['command']}` on {facts}; {versions}."


def verdict(result: Result) -> list[str]:
    """Ratios beside their goals, and who is absent."""
    ratios = [
        [name.replace("_", " "), f"{ratio['value']:g}", *_aim(ratio)]
        for name, ratio in result["ratios"].items()
    ]
    absent = [f"{row['engine']} is absent: {row['absent']}." for row in result["rows"] if "absent" in row]
    return ["What was aimed at:", table(["ratio", "value", "goal", "met"], ratios), *absent]


def met(ratio: Result) -> bool:
    """Whether a ratio with a goal is where it should be."""
    if ratio["better"] == "higher":
        return bool(ratio["value"] >= ratio["goal"])
    return bool(ratio["value"] <= ratio["goal"])


def marks(name: str) -> tuple[str, str]:
    """Where a result's figures begin and end in the page."""
    return f"<!-- {name}: make bench-page writes this -->", f"<!-- end of {name} -->"


def inserted(page: str, name: str, figures: str) -> str:
    """The page with a result's figures between their marks. ValueError where it has none."""
    before, begin, rest = page.partition(marks(name)[0])
    _, end, after = rest.partition(marks(name)[1])
    if not (begin and end):
        raise ValueError(f"the page lacks {' or '.join(marks(name))}")
    return f"{before}{begin}\n{figures}\n{end}{after}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text, and the others numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _aim(ratio: Result) -> tuple[str, str]:
    if ratio["goal"] is None:
        return "–", "–"
    sign = "≥" if ratio["better"] == "higher" else "≤"
    return f"{sign} {ratio['goal']:g}", "yes" if met(ratio) else "no"
