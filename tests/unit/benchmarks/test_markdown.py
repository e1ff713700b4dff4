import pytest

from benchmarks.markdown import inserted, marks, met, verdict


def test_a_goal_that_is_reached_is_met():
    assert met({"value": 1.0, "goal": 1.0, "better": "higher"}) and met(
        {"value": 1.0, "goal": 1.0, "better": "lower"}
    )


def test_only_what_is_between_a_result_s_marks_is_written():
    other = "\n".join(marks("other"))

    def page(said):
        return f"# Title\n{marks('text')[0]}\n{said}\n{marks('text')[1]}\n{other}\nrest\n"

    assert inserted(page("old"), "text", "new") == page("new")
    with pytest.raises(ValueError, match="lacks"):
        inserted("# Title\n", "text", "new")


def test_a_ratio_without_a_goal_is_only_told():
    ratio = {"value": 1.5, "goal": None, "better": "higher"}
    assert "| a to b | 1.5 | – | – |" in verdict({"ratios": {"a_to_b": ratio}, "rows": []})[1]
