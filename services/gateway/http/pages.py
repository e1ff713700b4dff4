"""Pages of lists, as OpenAI's cursors ask for them."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query
from serving.errors import InvalidInput

Item = TypeVar("Item")
Order = Literal["asc", "desc"]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str, Query(max_length=64)]


def page(
    items: Sequence[Item],
    id_of: Callable[[Item], str],
    order: Order,
    limit: int,
    after: str = "",
    before: str = "",
) -> tuple[list[Item], bool]:
    """Of items, the oldest first, at most `limit` after one id and before another, and whether there are more.

    Without `after`, the page is what comes right before `before`. Raises InvalidInput for an id that is not there.
    """
    ordered = list(items) if order == "asc" else list(reversed(items))
    ids = [id_of(item) for item in ordered]
    first = _place(ids, after, "after") + 1 if after else 0
    last = _place(ids, before, "before") if before else len(ordered)
    chosen = ordered[first:last]
    if before and not after:
        return chosen[-limit:], len(chosen) > limit
    return chosen[:limit], len(chosen) > limit


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
