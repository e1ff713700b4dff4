"""Runs a batch on the device. A request that fails harms no other.

A batch that fails is run again request by request, and one that runs out of memory in halves, until only what cannot
run alone has failed. A pass that failed has changed no sampler's state, so it can be repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import torch

from imagegen.denoising import DenoisingTask, forward
from imagegen.device_meter import DeviceMeter, Spent
from imagegen.events import DeviceEvent
from imagegen.safety.screen import Screen
from imagegen.scheduler import Batch, Slice
from imagegen.tasks import Task

log = structlog.get_logger(__name__)

Parts = Sequence[tuple[DenoisingTask, Slice]]


@dataclass(slots=True)
class Ran:
    """How a batch ran: its cost, and by request what there is to tell and who failed.

    `size` is that of its images, (width, height) in pixels, when it was a forward pass of denoising; `exhausted` are
    evaluations at which memory was out, largest first.
    """

    spent: Spent = field(default_factory=lambda: Spent(0.0))
    size: tuple[int, int] | None = None
    repeated: bool = False
    events: dict[int, list[DeviceEvent]] = field(default_factory=dict)
    failures: dict[int, Exception] = field(default_factory=dict)
    exhausted: list[int] = field(default_factory=list)


class BatchRunner:
    """Used by the device thread alone."""

    def __init__(
        self,
        meter: DeviceMeter,
        denoise: Callable[[Parts], None] = forward,
        screen: Screen | None = None,
    ) -> None:
        """`denoise` is the forward pass over slices of tasks of one key; `screen` judges images, if any does."""
        self._meter = meter
        self._denoise = denoise
        self._screen = screen

    def run(self, batch: Batch, tasks: Mapping[int, Task]) -> Ran:
        """Run `batch`; `tasks` has those of its requests."""
        ran = Ran()
        ran.spent = self._meter.measure(lambda: self._run(batch, tasks, ran))
        return ran

    def _run(self, batch: Batch, tasks: Mapping[int, Task], ran: Ran) -> None:
        shared: list[tuple[DenoisingTask, Slice]] = []
        for part in batch.slices:
            task = tasks[part.id]
            if batch.key.owner is None and isinstance(task, DenoisingTask):
                shared.append((task, part))
                continue
            try:
                events = task.run(part.step)
                ran.events[part.id] = events if self._screen is None else self._screen.judge(events)
            except Exception as error:
                ran.failures[part.id] = error
        if shared:
            cell = shared[0][0].model.cell_size
            ran.size = batch.key.width * cell, batch.key.height * cell
            self._pass(shared, ran)

    def _pass(self, parts: Parts, ran: Ran) -> None:
        error = self._attempt(parts)
        if error is None:
            return
        first = parts[0][1]
        if isinstance(error, torch.OutOfMemoryError):
            ran.exhausted.append(sum(_rows(part) * task.stage.evaluations for task, part in parts))
            pieces = _halves(parts)
        else:
            pieces = [[part] for part in parts]
        if len(pieces) < 2:
            ran.failures[first.id] = error
            return
        log.warning("batch_split", requests=len(parts), error=type(error).__name__)
        ran.repeated = True
        for piece in pieces:
            if left := [part for part in piece if part[1].id not in ran.failures]:
                self._pass(left, ran)

    def _attempt(self, parts: Parts) -> Exception | None:
        """The error of a pass, if there is one: returned, as a handler would keep the failed pass's tensors alive."""
        try:
            self._denoise(parts)
        except torch.OutOfMemoryError as error:
            return error.with_traceback(None)
        except Exception as error:
            return error
        return None


def _rows(part: Slice) -> int:
    return part.stop - part.start


def _halves(parts: Parts) -> list[Parts]:
    """Two parts with about as many rows each; all in one where there is but one row."""
    middle = sum(_rows(part) for _, part in parts) // 2
    first: list[tuple[DenoisingTask, Slice]] = []
    second: list[tuple[DenoisingTask, Slice]] = []
    for task, part in parts:
        taken = min(_rows(part), middle)
        middle -= taken
        cut = part.start + taken
        first += [(task, Slice(part.id, part.step, part.start, cut))] if taken else []
        second += [(task, Slice(part.id, part.step, cut, part.stop))] if cut < part.stop else []
    return [half for half in (first, second) if half]
