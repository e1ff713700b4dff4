"""Decoders of transformers' on a GPU: attention in Triton, and passes of few tokens replayed as CUDA graphs.

What a small pass costs on a GPU is to launch its kernels, one by one, from Python. A graph launches them all at once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
import torch
from torch import Tensor

from textgen.kv_blocks import BLOCK_TOKENS
from textgen.models.paged_attention import Attention, Rules
from textgen.models.tiles import Kernel, TiledPass, Tiles, splits_of, tiled
from textgen.models.torch_network import TorchNetwork
from textgen.scheduler import Span

log = structlog.get_logger(__name__)

# Makes of a computation on fixed tensors one that is cheaper to begin, with the same tensor for its result.
Capture = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
_LEAST, _MOST = 16, 256  # tokens of the largest pass that is replayed
_PASS: ContextVar[Attention] = ContextVar("pass")


@dataclass(frozen=True, slots=True)
class Way:
    """How a network computes: without `capture` nothing is replayed, without `compiles` nothing compiled before."""

    name: str
    kernel: Kernel
    capture: Capture | None = None
    compiles: bool = False


@torch.library.custom_op("quadrille::paged_attention", mutates_args=())
def _attend(
    query: Tensor, key: Tensor, value: Tensor, layer: int, scale: float, window: int, softcap: float
) -> Tensor:
    """The attention of the pass at hand. The compiler must not see the cache: it would copy what is written to."""
    return _PASS.get().attend(layer, query, key, value, Rules(scale, window or None, softcap or None))


@_attend.register_fake
def _(
    query: Tensor, key: Tensor, value: Tensor, layer: int, scale: float, window: int, softcap: float
) -> Tensor:
    return query.new_empty(*query.shape[:2], value.shape[2])


class _Opaque:
    """Implements Attention by the operation above. Sinks are left out: no kernel that is captured has them."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rules: Rules) -> Tensor:
        """What the pass at hand attends to."""
        attended: Tensor = torch.ops.quadrille.paged_attention(
            query, key, value, layer, rules.scale, rules.window or 0, rules.softcap or 0.0
        )
        return attended


class GraphedNetwork(TorchNetwork):
    """Implements Network. In a replayed pass every token is a row of its own, whatever sequence it is of."""

    def __init__(
        self,
        model: Any,
        *,
        blocks: int,
        rows: int,
        way: Way,
        linears: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """`rows`: sequences of the running batch.

        ModelLoadError when a layer keeps anything but keys and values; what a trial of the kernel, of the compiler
        or of the capture raises.
        """
        super().__init__(model, blocks=blocks + 1, linears=linears)  # one that rows without a token write to
        self._blocks, self._rows, self._way = blocks, rows, way
        self._vocabulary = model.get_input_embeddings().num_embeddings
        TorchNetwork.compute(self, [Span((0, 0), [0], 0, (blocks,), chooses=True)], [0])
        self._runs: dict[int, Callable[[], Tensor]] = {}  # by the number of tokens, ascending
        if way.capture is not None:
            sizes = sizes_of(rows)
            self._ids = _Fixed((3, sizes[-1]), torch.int64, self._device)  # tokens, positions, slots
            self._tables = _Fixed((sizes[-1], blocks), torch.int32, self._device)
            forward = torch.compile(self._model, dynamic=True) if way.compiles else self._model
            begun = time.perf_counter()
            # The largest first: the memory that it takes serves all.
            runs = {size: self._captured(size, forward, way.capture) for size in reversed(sizes)}
            self._runs = dict(sorted(runs.items()))
            log.info("graphs_captured", sizes=sizes, seconds=round(time.perf_counter() - begun, 1))

    def compute(self, spans: Sequence[Span], wanted: Sequence[int]) -> Tensor:
        """Logits after the wanted places of the spans' tokens. IndexError when a token is not in the vocabulary."""
        tokens = [token for span in spans for token in span.tokens]
        # On a GPU one outside would be the end of the process.
        if not 0 <= min(tokens) <= max(tokens) < self._vocabulary:
            raise IndexError("a token is not in the vocabulary")
        size = next((size for size in self._runs if size >= len(tokens)), None)
        if size is None or any(span.adapter for span in spans):
            return super().compute(spans, wanted)
        self._fill(spans, tokens, size)
        with torch.inference_mode():
            return self._runs[size]()[torch.tensor(wanted, dtype=torch.long, device=self._device)]

    def renewed(self) -> "GraphedNetwork":
        """The same weights, another cache."""
        return GraphedNetwork(
            self._model, blocks=self._blocks, rows=self._rows, way=self._way, linears=self.linears
        )

    def _attention(
        self, tables: Sequence[Sequence[int]], starts: Sequence[int], lengths: Sequence[int]
    ) -> Attention:
        return tiled(self._cache, self._way.kernel, tables, starts, lengths, self._device)

    def _fill(self, spans: Sequence[Span], tokens: Sequence[int], size: int) -> None:
        ids, tables = self._ids.host, self._tables.host
        ids[:, :size] = [[0], [0], [self._blocks * BLOCK_TOKENS]]
        tables[len(tokens) : size, 0] = self._blocks
        ids[0, : len(tokens)] = tokens
        end = widest = 0
        for span in spans:
            first, end = end, end + len(span.tokens)
            ids[1, first:end] = range(span.start, span.start + end - first)
            used = (span.start + end - first - 1) // BLOCK_TOKENS + 1
            tables[first:end, :used] = span.blocks[:used]
            widest = max(widest, used)
        places = ids[1, :end]
        ids[2, :end] = tables[range(end), places // BLOCK_TOKENS] * BLOCK_TOKENS + places % BLOCK_TOKENS
        self._ids.send(slice(None), slice(size))
        self._tables.send(slice(size), slice(max(1, widest)))

    def _captured(self, size: int, forward: Callable[..., Any], capture: Capture) -> Callable[[], Tensor]:
        tokens, positions, slots = self._ids.device[:, :size]
        rows = torch.arange(size, dtype=torch.int32, device=self._device)
        tiles = Tiles(
            tables=self._tables.device[:size],
            starts=positions,
            firsts=rows,
            lengths=torch.ones_like(rows),
            owners=rows,
            offsets=torch.zeros_like(rows),
            tokens=1,
            splits=splits_of(size),
        )
        attention = TiledPass(self._cache, slots, tiles, self._way.kernel)

        def run() -> Tensor:
            token = _PASS.set(attention)
            try:
                output = forward(
                    input_ids=tokens[None], position_ids=positions[None], use_cache=False, paged=_Opaque()
                )
            finally:
                _PASS.reset(token)
            logits: Tensor = output.logits[0]
            return logits

        self._fill([], [], size)
        with torch.inference_mode():
            return capture(run)


class _Fixed:
    """A tensor that stays where it is on the device, and its image in pinned memory."""

    def __init__(self, shape: tuple[int, int], dtype: torch.dtype, device: torch.device) -> None:
        self._pinned = torch.zeros(shape, dtype=dtype, pin_memory=device.type == "cuda")
        self.device = torch.zeros(shape, dtype=dtype, device=device)
        self.host = self._pinned.numpy()

    def send(self, rows: slice, columns: slice) -> None:
        """Copy a part of the image."""
        self.device[rows, columns].copy_(self._pinned[rows, columns])


def sizes_of(rows: int) -> tuple[int, ...]:
    """Numbers of tokens that passes are filled up to, ascending; the last has a place for each of `rows` sequences."""
    most = min(max(rows, _LEAST), _MOST)
    return *(1 << power for power in range((most - 1).bit_length())), most


def cuda_graph(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Capture a computation as a CUDA graph; what is called then replays it."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):  # kernels are built and memory is taken before
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = run()
    return _Replay(graph, result, run)


@dataclass(frozen=True, slots=True)
class _Replay:
    graph: torch.cuda.CUDAGraph
    result: Tensor
    run: Callable[[], Tensor]  # it keeps the tensors whose addresses the graph knows

    def __call__(self) -> Tensor:
        self.graph.replay()
        return self.result
