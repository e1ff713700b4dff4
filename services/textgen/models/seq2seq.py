"""Encoder-decoder models of transformers (T5, BART): the prompt goes to the encoder, the answer to the decoder.

A prompt is encoded once, alone, with the first token of its answer. From then on a step runs the decoder over one token
of each row, in one batch, whose keys and values stay as they lie until a row comes or goes. A scheduler's blocks only
count their tokens.
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
from textgen.models.seq2seq_cache import Memory, can_be_mixed, closed, joined, placed
from textgen.scheduler import Span


@dataclass(slots=True)
class _Row:
    prompt: Sequence[int]
    answer: list[int]  # the decoder's start token and what was chosen
    sampler: RowSampler
    # Of the prompt, and of the answer but for its last token; None while it lies in a batch.
    memory: Memory | None = None


class TorchSeq2Seq:
    """Implements DecoderRunner and Scorer."""

    def __init__(self, model: Any, *, empty_prompt: Sequence[int]) -> None:
        self._model = model
        self._device: torch.device = model.device
        self._empty_prompt = list(empty_prompt)
        self._rows: dict[RowKey, _Row] = {}
        self._batches: dict[tuple[RowKey, ...], Memory] = {}
        self._mixes = can_be_mixed(model.get_decoder())

    def join(self, row: RowSpec) -> None:
        """Know a newcomer, whose prompt is encoded once its first token is to be chosen."""
        sampler = RowSampler(row.sampling, row.seed, (), row.constraint)
        self._rows[row.key] = _Row(row.prompt, [self._start()], sampler)

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Nothing lies in blocks."""

    def step(self, spans: Sequence[Span]) -> Stepped:
        """A token for each span that chooses; parts of a prompt that do not are left for later."""
        rows = {span.key: self._rows[span.key] for span in spans if span.chooses}
        return Stepped(self._step(rows) if rows else {})

    def drop(self, keys: Collection[RowKey]) -> None:
        """Forget rows."""
        for key in keys:
            self._rows.pop(key, None)
        self._batches = {
            batch: memory
            for batch, memory in self._batches.items()
            if any(key in self._rows for key in batch)
        }

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
        logits: dict[RowKey, Tensor] = {}  # (vocabulary,) each
        begun: dict[RowKey, Memory] = {}
        for key, row in rows.items():
            if len(row.answer) == 1:
                logits[key], begun[key] = self._begin(row.prompt)
        going = [key for key in rows if key not in begun]
        groups = self._groups(going)
        self._gather(groups)
        batches: dict[tuple[RowKey, ...], Memory] = {}
        for group in groups:
            found, batches[group] = self._go_on([rows[key] for key in group], self._batches[group])
            logits |= zip(group, found, strict=True)
        chosen = sample(torch.stack([logits[key] for key in rows]), [row.sampler for row in rows.values()])
        # Only now, so that a pass that failed can be made again.
        self._batches |= batches
        for key, memory in begun.items():
            rows[key].memory = memory
        answers: dict[RowKey, Sequence[Sampled] | Exception] = {}
        for (key, row), result in zip(rows.items(), chosen, strict=True):
            if isinstance(result, Sampled):
                row.answer.append(result.token_id)
            answers[key] = [result] if isinstance(result, Sampled) else result
        return answers

    def _groups(self, keys: Sequence[RowKey]) -> list[tuple[RowKey, ...]]:
        """Rows that share a batch: all of them, or those at the same position."""
        groups: dict[int, list[RowKey]] = {}
        for key in keys:
            groups.setdefault(0 if self._mixes else len(self._rows[key].answer), []).append(key)
        return [tuple(group) for group in groups.values()]

    def _gather(self, groups: Sequence[tuple[RowKey, ...]]) -> None:
        """Have batches of just these rows; others give their rows back what is theirs."""
        for batch in [batch for batch in self._batches if batch not in groups]:
            memory = self._batches.pop(batch)
            for place, key in enumerate(batch):
                if (row := self._rows.get(key)) is not None:
                    row.memory = memory.row(place, len(row.answer) - 1, len(row.prompt))
        for group in groups:
            if group not in self._batches:
                rows = [self._rows[key] for key in group]
                self._batches[group] = joined([row.memory for row in rows if row.memory is not None])
                for row in rows:
                    row.memory = None

    def _begin(self, prompt: Sequence[int]) -> tuple[Tensor, Memory]:
        """Logits (vocabulary,) of an answer's first token."""
        output = self._run(
            self._encode(prompt)[None], torch.ones(1, len(prompt)), [[self._start()]], use_cache=True
        )
        return output.logits[0, -1], closed(output.past_key_values)

    def _go_on(self, rows: Sequence[_Row], memory: Memory) -> tuple[Tensor, Memory]:
        """Logits (rows, vocabulary) after the last tokens of answers."""
        prompts = torch.tensor([len(row.prompt) for row in rows], device=self._device)
        lengths = torch.tensor([len(row.answer) for row in rows], device=self._device)
        longest, width = int(prompts.max()), self._model.config.hidden_size
        own = memory.own[0][0].shape[2] + 1
        with placed(self._model.get_decoder(), lengths - 1):
            output = self._run(
                # The decoder has its keys and values already, and only asks how many there are.
                torch.zeros(1, 1, 1, dtype=self._model.dtype, device=self._device).expand(
                    len(rows), longest, width
                ),
                torch.arange(longest, device=self._device) < prompts[:, None],
                [row.answer[-1:] for row in rows],
                decoder_attention_mask=torch.arange(own, device=self._device) >= own - lengths[:, None],
                past_key_values=memory.opened(),
                use_cache=True,
            )
        return output.logits[:, -1], closed(output.past_key_values)

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
        mask = pad_sequence([torch.ones(len(each)) for each in states], batch_first=True)
        longest = max(map(len, answers))
        padded = [[*answer, *[0] * (longest - len(answer))] for answer in answers]
        logits: Tensor = self._run(pad_sequence(list(states), batch_first=True), mask, padded).logits
        return logits

    def _run(
        self,
        states: Tensor,
        mask: Tensor,
        tokens: Sequence[Sequence[int]],
        *,
        use_cache: bool = False,
        **more: Any,
    ) -> Any:
        """The model's output for rows of tokens, over an encoder's output (rows, prompt, width) with a mask."""
        with out_of_memory_refused():
            return self._model(
                encoder_outputs=BaseModelOutput(last_hidden_state=states),
                attention_mask=mask.to(self._device).long(),
                decoder_input_ids=torch.tensor([list(row) for row in tokens], device=self._device),
                use_cache=use_cache,
                **more,
            )
