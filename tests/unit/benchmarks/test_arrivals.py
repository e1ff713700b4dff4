import pytest

from benchmarks.load.arrivals import TRACE, at_rate, read

LINES = [
    "TIMESTAMP,ContextTokens,GeneratedTokens",
    "2023-11-16 18:15:46.5000000,374,44",
    "2023-11-16 18:15:47.5000000,3,1",
    "2023-11-16 18:15:48.5000000,400,100",
]


def test_a_trace_is_shortened_but_never_to_nothing():
    first, second, third = read(LINES, shorter=4)
    assert (first.due_s, first.prompt_tokens, first.tokens) == (0.0, 93, 11)
    assert (second.due_s, second.prompt_tokens, second.tokens) == (1.0, 1, 2)
    assert third.due_s == 2.0


def test_requests_keep_their_pattern_at_another_rate():
    traced = read(TRACE.read_text().splitlines())
    assert len(traced) == 120
    slow, fast = at_rate(traced, 2.0, seed=0), at_rate(traced, 4.0, seed=0)
    assert slow[-1].due_s == pytest.approx(119 / 2)
    assert [item.due_s for item in slow] == pytest.approx([2 * item.due_s for item in fast])


def test_prompts_have_the_trace_s_lengths_and_are_new_with_each_seed():
    traced = read(LINES, shorter=1)
    one, same, other = (at_rate(traced, 1.0, seed) for seed in (0, 0, 1))
    assert [len(item.prompt) for item in one] == [374, 3, 400] and one == same
    assert one[0].prompt[:16] != other[0].prompt[:16]
