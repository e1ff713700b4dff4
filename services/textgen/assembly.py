"""Puts a model's parts together: runners of `models`, lanes on the device worker, a codec."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from serving.energy import EnergyMeter
from serving.loras import Adapter, LoraOptions, Loras

from textgen.admission import Admission
from textgen.batching import BatchLane
from textgen.chat import ChatTemplate
from textgen.codec import TokenCodec
from textgen.continuous import ContinuousGenerator
from textgen.domain import Capability
from textgen.generation import GenerationLane
from textgen.metrics import ModelMetrics, TextMetrics
from textgen.models.decoder import Decoder, Network
from textgen.models.encoder import EncoderNetwork, TorchEmbedder, TorchMaskFiller, TorchReranker
from textgen.models.expert_load import ExpertLoad
from textgen.models.loading import Checkpoint
from textgen.models.lora_files import read_adapter
from textgen.models.memory import out_of_memory_refused
from textgen.models.networks import encoder_network_of, network_of
from textgen.models.seq2seq import TorchSeq2Seq
from textgen.scheduler import Limits, Scheduler
from textgen.served import ServedModel
from textgen.structured import StructuredCompiler
from textgen.tools.calling import tool_calling
from textgen.worker import DeviceWorker

T = TypeVar("T")
R = TypeVar("R")
_NO_LORAS = LoraOptions(directory=None, max_count=0, max_rank=0, max_bytes=0)
_ENCODERS = (Capability.EMBED, Capability.RERANK, Capability.FILL_MASK)
_FLAT = 4096  # tokens of a batch without padding: more would gain nothing, and keep others waiting


@dataclass(frozen=True, slots=True)
class Assembler:
    """What models share: the worker, the limits, the metrics, the meter."""

    worker: DeviceWorker
    limits: Limits
    max_waiting: int
    max_waiting_tokens: int
    metrics: TextMetrics
    meter: EnergyMeter | None
    tool_format: str = "auto"
    loras: LoraOptions | None = None  # None: no adapters are served
    compiles: bool = False  # what a GPU computes again and again

    def assemble(self, checkpoint: Checkpoint) -> ServedModel:
        """A served model; its lanes are given to the worker, which must not have started."""
        info, codec = checkpoint.info, TokenCodec(checkpoint.files.fast_tokenizer)
        metrics = self.metrics.model(info.id)
        has = info.capabilities.__contains__
        served = {
            "info": info,
            "codec": codec,
            "metrics": metrics,
            "max_request_tokens": self.limits.max_batch_tokens,
            "shares_context": not checkpoint.files.is_encoder_decoder,
        }
        if has(Capability.GENERATE):
            compiler = StructuredCompiler(codec.state, info.vocabulary_size, sorted(checkpoint.files.end_ids))
            if has(Capability.CHAT):
                served["chat"] = chat = ChatTemplate(checkpoint.files.tokenizer, codec)
                served["tools"] = tool_calling(chat, codec, compiler, self.tool_format)
            runner: Decoder | TorchSeq2Seq
            if checkpoint.files.is_encoder_decoder:
                runner = TorchSeq2Seq(checkpoint.model, empty_prompt=codec.wrap([]) or [0])
            else:
                network, said = network_of(
                    info.id,
                    checkpoint.model,
                    blocks=self.limits.blocks,
                    rows=self.limits.max_batch_size,
                    int8=checkpoint.int8,
                    adapters=self.loras is not None,
                    compiles=self.compiles,
                )
                served["loras"] = _loras(network, checkpoint.model.dtype, self.loras or _NO_LORAS)
                runner = Decoder(network, start_token=checkpoint.files.start_token)
                self.metrics.experts.watch(info.id, ExpertLoad(checkpoint.model).tokens)
                served["info"] = replace(info, engine_reason=f"{info.engine_reason}; {said}")
            served["generator"] = self._generator(checkpoint, runner, codec, compiler, metrics)
            served["scorer"] = self._lane(
                runner.score,
                lambda item: len(item[0]) + len(item[1]),
                metrics,
                pads=checkpoint.files.is_encoder_decoder,
            )
        if any(map(has, _ENCODERS)):
            encoder, said = encoder_network_of(info.id, checkpoint.model)
            served["info"] = replace(info, engine_reason=f"{info.engine_reason}; {said}")
            served |= self._encoder(encoder, checkpoint, metrics)
        return ServedModel(**served)  # type: ignore[arg-type]

    def _encoder(
        self, encoder: EncoderNetwork, checkpoint: Checkpoint, metrics: ModelMetrics
    ) -> dict[str, object]:
        has, pads = checkpoint.info.capabilities.__contains__, encoder.pads
        lanes: dict[str, object] = {}
        if has(Capability.EMBED):
            embedder = TorchEmbedder(encoder, pooling=checkpoint.files.pooling)
            lanes["embedder"] = self._lane(embedder.rows, len, metrics, pads=pads)
        if has(Capability.RERANK):
            reranker = TorchReranker(encoder)
            lanes["reranker"] = self._lane(reranker.rerank, lambda item: len(item[0]), metrics, pads=pads)
        if has(Capability.FILL_MASK):
            filler = TorchMaskFiller(encoder)
            lanes["mask_filler"] = self._lane(filler.fill, lambda item: len(item[0]), metrics, pads=pads)
        return lanes

    def _admission(self) -> Admission:
        return Admission(self.max_waiting, self.max_waiting_tokens)

    def _lane(
        self,
        run: Callable[[Sequence[T]], Sequence[R]],
        length: Callable[[T], int],
        metrics: ModelMetrics,
        *,
        pads: bool = True,
    ) -> BatchLane[T, R]:
        lane = BatchLane[T, R](
            run,
            length,
            worker=self.worker,
            admission=self._admission(),
            metrics=metrics,
            max_rows=max(64, self.limits.max_batch_size) if pads else None,
            max_tokens=self.limits.max_batch_tokens if pads else min(_FLAT, self.limits.max_batch_tokens),
            meter=self.meter,
        )
        self.worker.add(lane)
        return lane

    def _generator(
        self,
        checkpoint: Checkpoint,
        runner: Decoder | TorchSeq2Seq,
        codec: TokenCodec,
        compiler: StructuredCompiler,
        metrics: ModelMetrics,
    ) -> ContinuousGenerator:
        admission = self._admission()
        lane = GenerationLane(
            runner,
            Scheduler(self.limits, prefix_caching=not checkpoint.files.is_encoder_decoder),
            metrics,
            measured=admission.measured,
            computing=self.worker.computing,
            speculates=not checkpoint.files.is_encoder_decoder,
            meter=self.meter,
        )
        self.worker.add(lane)
        return ContinuousGenerator(
            worker=self.worker,
            lane=lane,
            admission=admission,
            compiler=compiler,
            codec=codec,
            end_ids=checkpoint.files.end_ids,
            metrics=metrics,
            starts_text=checkpoint.files.is_encoder_decoder,
        )


def _loras(network: Network, dtype: torch.dtype, options: LoraOptions) -> Loras:
    def read(name: str, folder: Path, max_bytes: int) -> Adapter:
        files = read_adapter(folder, network.linears, dtype, max_rank=options.max_rank, max_bytes=max_bytes)
        with out_of_memory_refused():
            weights = network.adapted(files.pairs)
        return Adapter(name, files.rank, files.size_bytes, files.sha256, weights)

    return Loras(read, options)
