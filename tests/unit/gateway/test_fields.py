import pytest
from gateway.rag.fields import renamed
from serving.errors import InvalidInput, NotFound, TooLarge

NAMES = {"query.filter": "filter", "documents[0]": "file"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("query.filter", "filter"),
        ("query.filter.all.filters[2]", "filter.all.filters[2]"),
        ("query.filters", "query.filters"),
        ("documents[0].metadata", "file.metadata"),
        ("other", "other"),
    ],
)
def test_the_path_is_the_callers(theirs, ours):
    with pytest.raises(TooLarge) as caught, renamed(NAMES):
        raise TooLarge(theirs, "why")
    assert (caught.value.field, caught.value.message) == (ours, f"{ours}: why")


def test_other_errors_pass():
    with pytest.raises(NotFound), renamed(NAMES):
        raise NotFound("query.filter", "x")
    with pytest.raises(InvalidInput, match="a: b"), renamed({}):
        raise InvalidInput("a", "b")
