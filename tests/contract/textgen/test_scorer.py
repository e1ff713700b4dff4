"""The port Scorer: log-likelihoods as a plain forward pass gives them, whoever shares the batch."""

import pytest
import torch
from textgen.domain import Sampling
from textgen.models.base import RowSpec
from textgen.scheduler import Span

DECODERS = ("llama", "qwen2", "mixtral", "mistral", "gemma", "phi3", "gpt2")
ENCODER_DECODERS = ("t5", "bart")
ITEMS = [((5, 6, 7), (8, 9)), ((10,), (11, 12, 13, 14, 15, 16, 17)), ((20,) * 12, (3,)), ((), (4, 5, 6))]


def plain(model, condition, targets):
    ids = [*condition, *targets]
    with torch.inference_mode():
        logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return [float(logprobs[len(condition) + i - 1, token]) for i, token in enumerate(targets)]


@pytest.mark.parametrize("family", DECODERS)
def test_decoders_score_as_a_plain_forward(family, model_of, decoder_of):
    answers = decoder_of(family).score(ITEMS)
    for (condition, targets), answer in zip(ITEMS, answers, strict=True):
        assert answer == pytest.approx(plain(model_of(family), condition or (1,), targets), abs=1e-4)


def test_without_a_start_token_the_first_target_has_no_probability(model_of, decoder_of):
    (answer,) = decoder_of("gpt2", start_token=None).score([((), (4, 5, 6))])
    assert answer == pytest.approx(plain(model_of("gpt2"), (4,), (5, 6)), abs=1e-4)
    assert decoder_of("gpt2", start_token=None).score([((), (4,))]) == [[]]


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_encoder_decoders_score_what_the_decoder_says(family, model_of, decoder_of):
    model = model_of(family)
    answers = decoder_of(family).score(ITEMS)
    for (condition, targets), answer in zip(ITEMS, answers, strict=True):
        with torch.inference_mode():
            logits = model(
                input_ids=torch.tensor([condition or (2,)]),
                decoder_input_ids=torch.tensor([[model.config.decoder_start_token_id, *targets[:-1]]]),
            ).logits[0]
        wanted = logits.log_softmax(-1).gather(1, torch.tensor([targets]).T)[:, 0].tolist()
        assert answer == pytest.approx(wanted, abs=1e-4)


def test_scoring_leaves_the_running_batch_alone(decoder_of):
    def run(*, disturbed):
        runner, tokens = decoder_of("llama"), [5, 6, 7]
        runner.join(RowSpec((1, 0), tuple(tokens), Sampling(temperature=0), 0))
        computed = 0
        for _ in range(6):
            if disturbed:
                runner.score(ITEMS)
            results = runner.step([Span((1, 0), tokens[computed:], computed, (3,), chooses=True)])
            computed = len(tokens)
            tokens.append(results.chosen[1, 0][0].token_id)
        return tokens

    assert run(disturbed=True) == run(disturbed=False)
