import pytest
from textgen.detokenizer import Detokenizer
from textgen.domain import FinishReason, TokenLogprob
from textgen.models.base import Sampled
from textgen.sequence import SequenceState
from textgen.stops import StopMatcher


@pytest.fixture
def run(codec):
    def make(ids, *, stops=(), max_tokens=100, end_ids=frozenset({0}), constraint=None, describe=None):
        state = SequenceState(
            3,
            max_tokens=max_tokens,
            end_ids=end_ids,
            stops=StopMatcher(stops),
            detokenizer=Detokenizer(codec.vocabulary),
            constraint=constraint,
            describe=describe,
        )
        deltas = []
        for token_id in ids:
            deltas.append(state.accept(Sampled(token_id, -0.5, ((7, -0.1),))))
            if state.finish_reason is not None:
                break
        return state, deltas

    return make


def text(deltas) -> str:
    return "".join(delta.text for delta in deltas)


def test_the_models_end_token_ends_it_and_is_no_text(codec, run) -> None:
    state, deltas = run([*codec.encode("hi"), 0, *codec.encode("never")])
    assert text(deltas) == "hi"
    assert deltas[-1].token_ids == (0,)
    result = state.result()
    assert (result.index, result.finish_reason, result.stop) == (3, FinishReason.STOP, None)
    assert result.cumulative_logprob == pytest.approx(-0.5 * state.token_count)


def test_length_ends_it_and_shows_what_was_withheld(codec, run) -> None:
    ids = codec.encode("xSTO")
    state, deltas = run(ids, stops=("STOP",), max_tokens=len(ids))
    assert text(deltas) == "xSTO"
    assert state.finish_reason is FinishReason.LENGTH


def test_a_stop_string_ends_it(codec, run) -> None:
    state, deltas = run(codec.encode("one STOP two"), stops=("STOP",))
    assert text(deltas) == "one "
    assert (state.result().finish_reason, state.result().stop) == (FinishReason.STOP, "STOP")


def test_a_stop_string_at_the_last_token_counts_as_a_stop(codec, run) -> None:
    ids = codec.encode("x!")
    state, _ = run(ids, stops=("!",), max_tokens=len(ids))
    assert state.finish_reason is FinishReason.STOP


def test_an_incomplete_character_is_shown_broken_at_the_end(codec, run) -> None:
    ids = codec.encode("漢")[:2]
    _, deltas = run(ids, max_tokens=2)
    assert [delta.text for delta in deltas] == ["", "\ufffd"]


def test_logprobs_only_when_asked(codec, run) -> None:
    ids = codec.encode("x")
    assert run(ids)[1][0].logprobs == ()
    _, (delta,) = run(ids, describe=str)
    assert delta.logprobs == (TokenLogprob(ids[0], str(ids[0]), -0.5, (TokenLogprob(7, "7", -0.1),)),)
