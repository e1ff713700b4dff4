"""Names of fields as RagService's callers know them, instead of those of the services behind it."""

import contextlib
from collections.abc import Iterator, Mapping

from serving.errors import InvalidInput


@contextlib.contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Rename the field of an InvalidInput that passes: the first of `names` that begins its path is replaced."""
    try:
        yield
    except InvalidInput as error:
        for theirs, ours in names.items():
            rest = error.field.removeprefix(theirs)
            if error.field.startswith(theirs) and (not rest or rest[0] in ".["):
                raise type(error)(ours + rest, error.description) from error
        raise
