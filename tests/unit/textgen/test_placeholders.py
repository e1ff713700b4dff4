import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textgen.codec import Part
from textgen.placeholders import Placeholders


def test_what_is_around_a_text_is_trusted_and_the_text_is_not(codec) -> None:
    hidden = Placeholders(codec)
    rendered = f"<a>{hidden.hide('x|y')}<b>"
    assert "x|y" not in rendered
    assert hidden.parts(rendered) == [Part("<a>", True), Part("x|y", False), Part("<b>", True)]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1), st.integers(0, 3))
def test_a_text_is_escaped_as_often_as_its_placeholder_was(codec, text, times) -> None:
    hidden = Placeholders(codec)
    rendered, wanted = hidden.hide(text), text
    for _ in range(times):
        rendered, wanted = json.dumps(rendered, ensure_ascii=False), json.dumps(wanted, ensure_ascii=False)
    assert "".join(part.text for part in hidden.parts(rendered)) == wanted


def test_templates_see_what_can_be_no_part_of_a_special_token(codec) -> None:
    hidden = Placeholders(codec)
    value = {"type": "object", "of": ["string", 1.5, None, "a|b", "<"], "<k>": True}
    seen = hidden.guard(value)
    assert (seen["type"], seen["of"][:3]) == ("object", ["string", 1.5, None])
    assert not any(mark in json.dumps(seen) for mark in ("|", "<"))


def test_equal_texts_are_equal_to_a_template_and_empty_ones_stay_empty(codec) -> None:
    hidden = Placeholders(codec)
    assert hidden.hide("a") == hidden.hide("a") != hidden.hide("b")
    assert hidden.hide("") == ""
