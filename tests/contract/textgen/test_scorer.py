"""The port Scorer: log-likelihoods as a plain forward pass gives them, whoever shares the batch."""

import pytest
import torch
from textgen.models.decoder import TorchDecoder
from textgen.models.seq2seq import TorchSeq2Seq

DECODERS = ("llama", "qwen2", "mixtral", "mistral", "gpt2")
ENCODER_DECODERS = ("t5", "bart")
ITEMS = [((5, 6, 7), (8, 9)), ((10,), (11, 12, 13, 14, 15, 16, 17)), ((20,) * 12, (3,)), ((), (4, 5, 6))]


def plain(model, condition, targets):
    ids = [*condition, *targets]
    with torch.inference_mode():
        logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return [float(logprobs[len(condition) + i - 1, token]) for i, token in enumerate(targets)]


@pytest.mark.parametrize("family", DECODERS)
def test_decoders_score_as_a_plain_forward(family, model_of):
    answers = TorchDecoder(model_of(family), start_token=1).score(ITEMS)
    for (condition, targets), answer in zip(ITEMS, answers, strict=True):
        assert answer == pytest.approx(plain(model_of(family), condition or (1,), targets), abs=1e-4)


def test_without_a_start_token_the_first_target_has_no_probability(model_of):
    (answer,) = TorchDecoder(model_of("gpt2"), start_token=None).score([((), (4, 5, 6))])
    assert answer == pytest.approx(plain(model_of("gpt2"), (4,), (5, 6)), abs=1e-4)
    assert TorchDecoder(model_of("gpt2"), start_token=None).score([((), (4,))]) == [[]]


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_encoder_decoders_score_what_the_decoder_says(family, model_of):
    model = model_of(family)
    answers = TorchSeq2Seq(model, empty_prompt=[2]).score(ITEMS)
    for (condition, targets), answer in zip(ITEMS, answers, strict=True):
        with torch.inference_mode():
            logits = model(
                input_ids=torch.tensor([condition or (2,)]),
                decoder_input_ids=torch.tensor([[model.config.decoder_start_token_id, *targets[:-1]]]),
            ).logits[0]
        wanted = logits.log_softmax(-1).gather(1, torch.tensor([targets]).T)[:, 0].tolist()
        assert answer == pytest.approx(wanted, abs=1e-4)


def test_scoring_leaves_the_running_batch_alone(model_of):
    from textgen.domain import Sampling
    from textgen.models.base import RowSpec

    def run(*, disturbed):
        runner = TorchDecoder(model_of("llama"), start_token=1)
        tokens = [runner.prefill([RowSpec((1, 0), (5, 6, 7), Sampling(temperature=0), 0)])[1, 0].token_id]
        for _ in range(5):
            if disturbed:
                runner.score(ITEMS)
            tokens.append(runner.decode()[1, 0].token_id)
        return tokens

    assert run(disturbed=True) == run(disturbed=False)
