"""Pages of lists, as OpenAI's cursors ask for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query
from serving.errors import InvalidInput

Item = TypeVar("Item")
Order = Literal["asc", "desc"]
Cursor = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Asked:
    """The page that is asked for: at most `limit` items after one id and before another.

    Without `after`, it is what comes right before `before`.
    """

    limit: Annotated[int, Query(ge=1, le=100)] = 20
    order: Order = "desc"
    after: Cursor = ""
    before: Cursor = ""


AskedPage = Annotated[Asked, Depends()]


def page(items: Sequence[Item], id_of: Callable[[Item], str], asked: Asked) -> tuple[list[Item], bool]:
    """The page of items, given the oldest first, and whether there are more.

    Raises InvalidInput for an id that is not there.
    """
    ordered = list(items) if asked.order == "asc" else list(reversed(items))
    ids = [id_of(item) for item in ordered]
    first = _place(ids, asked.after, "after") + 1 if asked.after else 0
    last = _place(ids, asked.before, "before") if asked.before else len(ordered)
    chosen = ordered[first:last]
    more = len(chosen) > asked.limit
    return chosen[-asked.limit :] if asked.before and not asked.after else chosen[: asked.limit], more


def body(data: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    """The object of a page whose items have ids."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def _place(ids: Sequence[str], id: str, field: str) -> int:
    try:
        return ids.index(id)
    except ValueError:
        raise InvalidInput(field, f"{id!r} is not in this list") from None
