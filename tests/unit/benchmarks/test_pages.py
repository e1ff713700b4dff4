import pytest

from benchmarks.markdown import marks
from benchmarks.pages import PLACES
from benchmarks.text.engines import ROOT


@pytest.mark.parametrize("name", PLACES)
def test_the_page_has_a_place_for_the_result(name):
    page = (ROOT / PLACES[name].page).read_text()
    assert all(mark in page for mark in marks(name))
