from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from serving.errors import InvalidInput
from textgen.domain import Sampling
from textgen.models.base import Sampled
from textgen.models.sampling import RowSampler, _drawn, sample

LOGITS = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0, -3.0])


def draws(rules: Sampling, count: int = 400, logits: torch.Tensor = LOGITS) -> Counter[int]:
    sampler = RowSampler(rules, 0, ())
    return Counter(sampler.choose(logits) for _ in range(count))


def test_frequencies_follow_the_softmax_at_the_temperature() -> None:
    for temperature in (0.5, 1.0, 2.0):
        found = draws(Sampling(temperature=temperature), 4000)
        wanted = (LOGITS / temperature).softmax(-1)
        for token_id, probability in enumerate(wanted.tolist()):
            assert found[token_id] / 4000 == pytest.approx(probability, abs=0.03)


def test_temperature_zero_takes_the_likeliest_and_a_tiny_one_is_safe() -> None:
    assert set(draws(Sampling(temperature=0))) == {0}
    assert set(draws(Sampling(temperature=1e-30))) == {0}


def test_top_k_keeps_exactly_k_even_among_equals() -> None:
    assert set(draws(Sampling(top_k=2, temperature=5))) == {0, 1}
    assert len(draws(Sampling(top_k=3), logits=torch.zeros(6))) == 3
    assert set(draws(Sampling(top_k=100_000, temperature=9), 4000)) == set(range(6))


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    mass = LOGITS.softmax(-1).cumsum(-1).tolist()
    assert set(draws(Sampling(top_p=mass[1] - 1e-4, temperature=1))) == {0, 1}
    assert set(draws(Sampling(top_p=mass[1] + 1e-4, temperature=1), 4000)) == {0, 1, 2}
    assert set(draws(Sampling(top_p=1e-9))) == {0}


def test_min_p_is_relative_to_the_likeliest() -> None:
    threshold = float(torch.tensor(-1.2).exp())
    assert set(draws(Sampling(min_p=threshold), 2000)) == {0, 1}
    assert set(draws(Sampling(min_p=1.0))) == {0}


def test_bias_moves_a_token_in_and_out() -> None:
    assert RowSampler(Sampling(temperature=0, logit_bias={5: 10.0}), 0, ()).choose(LOGITS) == 5
    assert RowSampler(Sampling(temperature=0, logit_bias={0: -100.0}), 0, ()).choose(LOGITS) == 1


def test_repetition_penalty_counts_prompt_and_output_and_minds_the_sign() -> None:
    sampler = RowSampler(Sampling(temperature=0, repetition_penalty=4.0), 0, prompt=(0,))
    assert sampler.choose(LOGITS) == 1  # 2 / 4 < 1
    sampler.accept(1)
    assert sampler.choose(LOGITS) in (0, 2)  # 0.5, 0.25, 0.5
    negative = torch.tensor([-1.0, -2.0])
    assert RowSampler(Sampling(temperature=0, repetition_penalty=4.0), 0, prompt=(0,)).choose(negative) == 1


def test_frequency_grows_with_the_count_presence_does_not_and_the_prompt_is_free() -> None:
    frequent = RowSampler(Sampling(temperature=0, frequency_penalty=0.6), 0, prompt=(0,))
    chosen = []
    for _ in range(3):
        chosen.append(frequent.choose(LOGITS))
        frequent.accept(chosen[-1])
    assert chosen == [0, 0, 1]
    present = RowSampler(Sampling(temperature=0, presence_penalty=0.6), 0, prompt=(0,))
    present.accept(0)
    present.accept(0)
    assert present.choose(LOGITS) == 0


def test_logits_stay_as_they_are() -> None:
    before = LOGITS.clone()
    RowSampler(Sampling(logit_bias={0: 1.0}, repetition_penalty=2, top_k=2, top_p=0.5), 0, (0,)).choose(
        LOGITS
    )
    assert torch.equal(before, LOGITS)


class Only:
    """A constraint that allows some tokens."""

    def __init__(self, *allowed: int) -> None:
        self._allowed = allowed

    def bitmask(self):
        mask = np.zeros(1, dtype=np.uint32)
        for token_id in self._allowed:
            mask[0] |= np.uint32(1 << token_id)
        return mask.view(np.int32)

    def accept(self, token_id):
        pass

    def finished(self):
        return False


def test_a_constraint_outranks_every_other_rule() -> None:
    rules = Sampling(temperature=1, top_k=1, logit_bias={0: 100.0})
    assert RowSampler(rules, 0, (), Only(4, 5)).choose(LOGITS) == 4
    with pytest.raises(InvalidInput):
        RowSampler(rules, 0, (), Only()).choose(LOGITS)


def test_tokens_past_the_constraints_vocabulary_are_never_allowed() -> None:
    logits = torch.zeros(40)
    logits[39] = 50.0
    assert RowSampler(Sampling(temperature=0), 0, (), Only(3)).choose(logits) == 3


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    temperature=st.floats(0, 10),
    top_k=st.integers(0, 50),
    top_p=st.floats(0.01, 1),
    min_p=st.floats(0, 1),
    neighbours=st.integers(0, 3),
)
def test_a_seeded_draw_ignores_its_neighbours(seed, temperature, top_k, top_p, min_p, neighbours) -> None:
    rules = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    rows = torch.randn(neighbours + 1, 50, generator=torch.Generator().manual_seed(1))
    others = [RowSampler(Sampling(), place, ()) for place in range(neighbours)]
    alone, crowd = RowSampler(rules, seed, ()), RowSampler(rules, seed, ())
    for _ in range(3):
        (single,) = sample(rows[-1:], [alone])
        *_, last = sample(rows, [*others, crowd])
        assert isinstance(single, Sampled)
        assert isinstance(last, Sampled)
        assert single.token_id == last.token_id
        assert single.logprob == pytest.approx(last.logprob, abs=1e-5)


def test_logprobs_are_the_models_own_before_any_rule() -> None:
    rules = Sampling(temperature=0, logit_bias={5: 50.0}, logprobs=2)
    (result,) = sample(LOGITS[None], [RowSampler(rules, 0, ())])
    assert isinstance(result, Sampled)
    wanted = LOGITS.log_softmax(-1)
    assert result.token_id == 5
    assert result.logprob == pytest.approx(float(wanted[5]))
    assert [token_id for token_id, _ in result.top] == [0, 1]
    assert [value for _, value in result.top] == pytest.approx(wanted[:2].tolist())


def test_a_row_that_fails_fails_alone() -> None:
    rows = torch.stack([LOGITS, torch.full((6,), float("nan")), LOGITS])
    samplers = [RowSampler(Sampling(temperature=0), 0, (), c) for c in (None, None, Only())]
    good, broken, empty = sample(rows, samplers)
    assert isinstance(good, Sampled)
    assert isinstance(broken, ArithmeticError)
    assert isinstance(empty, InvalidInput)


def test_half_precision_logits_are_sampled_in_float32() -> None:
    (result,) = sample(LOGITS[None].bfloat16(), [RowSampler(Sampling(temperature=0), 0, ())])
    assert isinstance(result, Sampled)
    assert result.logprob == pytest.approx(float(LOGITS.log_softmax(-1)[0]), abs=1e-3)


@pytest.mark.parametrize("spread", [0.3, 3.0, 12.0])
def test_the_nucleus_of_a_large_vocabulary_is_that_of_sorting_it_all(spread: float) -> None:
    logits = torch.randn(9000, generator=torch.Generator().manual_seed(7)) * spread
    ordered, ids = logits.sort(descending=True)
    before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
    for top_p in (0.2, 0.9, 0.999):
        kept = set(ids[before < top_p].tolist())
        drawn = draws(Sampling(top_p=top_p), 300, logits).keys()
        assert drawn <= kept
        assert len(drawn) >= min(len(kept), 100) / 3


@given(
    st.lists(st.sampled_from([0.0, 1.0, 3.0]), min_size=1, max_size=700), st.floats(0, 1, exclude_max=True)
)
def test_a_draw_inverts_the_cumulative_sum(weights: list[float], draw: float) -> None:
    if not sum(weights):
        weights[-1] = 1.0
    sums = np.cumsum(np.asarray(weights))
    wanted = int(np.searchsorted(sums, draw * sums[-1], side="right"))
    assert _drawn(torch.tensor(weights), draw) == wanted
