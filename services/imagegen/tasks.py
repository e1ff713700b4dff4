"""What the worker runs: a task has stages, a stage has steps; each step returns what there is to tell."""

from typing import Literal, Protocol

from imagegen.events import DeviceEvent
from imagegen.scheduler import Stage

Phase = Literal["encode", "denoise", "decode"]

# Pixels that pass through an autoencoder at once; between such chunks others get their turn.
CHUNK_PIXELS = 1024 * 1024


class Task(Protocol):
    """One request's work. All but `stage` and `phase` run on the device thread."""

    @property
    def stage(self) -> Stage:
        """The current stage."""

    @property
    def phase(self) -> Phase:
        """What the current stage's time counts as."""

    @property
    def image_count(self) -> int:
        """Images made when all is done."""

    @property
    def image_step_count(self) -> int:
        """Denoising steps times images when all is done."""

    def begin(self) -> None:
        """Prepare: encode prompts and images, draw noise."""

    def run(self, step: int) -> list[DeviceEvent]:
        """Run step `step`, from 0, of a stage that shares no forward pass."""

    def next_stage(self) -> Stage | None:
        """Enter the next stage when the current one is done; None when it was the last."""


def rows_per_chunk(pixels_per_row: int) -> int:
    """Rows of that many pixels that pass through an autoencoder at once, at least 1."""
    return max(1, CHUNK_PIXELS // pixels_per_row)


def chunk_count(rows: int, pixels_per_row: int) -> int:
    """Chunks that `rows` rows make."""
    return -(-rows // rows_per_chunk(pixels_per_row))
