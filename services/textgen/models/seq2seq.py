"""Encoder-decoder models of transformers (T5, BART): the prompt goes to the encoder, the answer to the decoder.

Simple and exact: a prompt is encoded once, alone, and each step runs the decoder over all of the answer so far,
rows padded on the right. It keeps no decoder cache, so a step's cost grows with the answer; a scheduler's blocks only
count its tokens.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_outputs import BaseModelOutput

from textgen.models.base import RowKey, RowSpec, Sampled, Stepped
from textgen.models.memory import out_of_memory_refused
from textgen.models.sampling import RowSampler, sample
from textgen.scheduler import Span


@dataclass(slots=True)
class _Row:
    prompt: Sequence[int]
    answer: list[int]  # the decoder's start token and what was chosen
    sampler: RowSampler
    states: Tensor | None = None  # (prompt tokens, width): the encoder's output


class TorchSeq2Seq:
    """Implements DecoderRunner and Scorer."""

    def __init__(self, model: Any, *, empty_prompt: Sequence[int]) -> None:
        self._model = model
        self._device: torch.device = model.device
        self._empty_prompt = list(empty_prompt)
        self._rows: dict[RowKey, _Row] = {}

    def join(self, row: RowSpec) -> None:
        """Encode a newcomer's prompt, once its first token is to be chosen."""
        sampler = RowSampler(row.sampling, row.seed, (), row.constraint)
        self._rows[row.key] = _Row(row.prompt, [self._start()], sampler)

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Nothing lies in blocks."""

    def step(self, spans: Sequence[Span]) -> Stepped:
        """A token for each span that chooses; parts of a prompt that do not are left for later."""
        rows = {span.key: self._rows[span.key] for span in spans if span.chooses}
        if not rows:
            return Stepped({})
        for row in rows.values():
            if row.states is None:
                row.states = self._encode(row.prompt)
        return Stepped(self._step(rows))

    def drop(self, keys: Collection[RowKey]) -> None:
        """Forget rows."""
        for key in keys:
            self._rows.pop(key, None)

    def renewed(self) -> "TorchSeq2Seq":
        """Another over the same weights."""
        return TorchSeq2Seq(self._model, empty_prompt=self._empty_prompt)

    @torch.inference_mode()
    def score(self, items: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[float]]:
        """Log-probabilities in nats of target tokens, given the encoded condition and the targets before them."""
        logits = self._decode(
            [self._encode(condition or self._empty_prompt) for condition, _ in items],
            [[self._start(), *targets[:-1]] for _, targets in items],
        )
        answers: list[list[float]] = []
        for row, (_, targets) in zip(logits, items, strict=True):
            wanted = torch.tensor(list(targets), device=self._device)[:, None]
            answers.append(row[: len(targets)].float().log_softmax(-1).gather(1, wanted)[:, 0].tolist())
        return answers

    @torch.inference_mode()
    def _step(self, rows: Mapping[RowKey, _Row]) -> Mapping[RowKey, Sequence[Sampled] | Exception]:
        states = [row.states for row in rows.values() if row.states is not None]
        logits = self._decode(states, [row.answer for row in rows.values()])
        ends = torch.tensor([len(row.answer) - 1 for row in rows.values()], device=self._device)
        last = logits[torch.arange(len(rows), device=self._device), ends]  # (rows, vocabulary)
        answers: dict[RowKey, Sequence[Sampled] | Exception] = {}
        for (key, row), result in zip(
            rows.items(), sample(last, [row.sampler for row in rows.values()]), strict=True
        ):
            if isinstance(result, Sampled):
                row.answer.append(result.token_id)
            answers[key] = [result] if isinstance(result, Sampled) else result
        return answers

    def _start(self) -> int:
        return int(self._model.config.decoder_start_token_id)

    @torch.inference_mode()
    def _encode(self, prompt: Sequence[int]) -> Tensor:
        with out_of_memory_refused():
            states: Tensor = self._model.get_encoder()(
                input_ids=torch.tensor([list(prompt)], device=self._device)
            ).last_hidden_state[0]
        return states

    def _decode(self, states: Sequence[Tensor], answers: Sequence[Sequence[int]]) -> Tensor:
        """Logits (rows, longest answer, vocabulary)."""
        mask = pad_sequence(
            [torch.ones(len(each), device=self._device).long() for each in states], batch_first=True
        )
        ids = pad_sequence(
            [torch.tensor(list(answer), device=self._device) for answer in answers], batch_first=True
        )
        with out_of_memory_refused():
            logits: Tensor = self._model(
                encoder_outputs=BaseModelOutput(
                    last_hidden_state=pad_sequence(list(states), batch_first=True)
                ),
                attention_mask=mask,
                decoder_input_ids=ids,
                use_cache=False,
            ).logits
        return logits
