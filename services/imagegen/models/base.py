"""The port to image models: what the engine needs of one, and nothing else.

Shapes: n rows, c latent channels, h x w latent cells, H x W pixels. Pixels are in [-1, 1]. Latents and noise
are float32 on the model's device, scaled as the denoiser sees them. Rows do not depend on their neighbours.
What a model's description does not name as a capability, the model refuses with InvalidInput.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from serving.errors import InvalidInput

from imagegen.domain import ModelDescription, Sampler
from imagegen.probability_flow import FlowPath
from imagegen.schedules import NoiseSchedule

# What a prompt means to a model, as tensors of its own choice; a batch has each with its rows in front.
# Those of floating point have paths between prompts, the others do not.
Condition = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True)
class ElboTerms:
    """Parts of a likelihood bound, in nats: one reconstruction term a draw [draws], and the divergence."""

    reconstruction: torch.Tensor
    kl_divergence: float


@dataclass(frozen=True, slots=True)
class ModelInput:
    """Rows of a forward pass: latents [n, c, h, w], conditions each [n, ...], all else [n].

    Guidance scales are for a model that hears them; what guides others is outside.
    """

    latents: torch.Tensor
    timesteps: torch.Tensor
    condition: Condition
    truncations: torch.Tensor
    guidance_scales: torch.Tensor


class LatentModel(ABC):
    """Maps latents to images, and images back where it can."""

    def __init__(self, description: ModelDescription, device: torch.device) -> None:
        """What the model is and can do, and where it runs."""
        self.description = description
        self.device = device

    @property
    @abstractmethod
    def cell_size(self) -> int:
        """Pixels along a side of a latent cell: H = h * cell_size."""

    @abstractmethod
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, H, W], clipped to [-1, 1], of latents [n, c, h, w]."""

    def encode(self, pixels: torch.Tensor, seeds: Sequence[int] | None = None) -> torch.Tensor:
        """Latents [n, c, h, w] of pixels [n, 3, H, W]: the posterior's mean, or a draw, one seed a row."""
        raise InvalidInput("model", f"{self.description.id} cannot encode")

    @property
    def score_method(self) -> str:
        """What `elbo_terms` computes, in words, with its assumptions."""
        raise InvalidInput("model", f"{self.description.id} cannot score")

    def elbo_terms(self, pixels: torch.Tensor, draws: int, generator: torch.Generator) -> ElboTerms:
        """Terms of the bound for one image [1, 3, H, W], over `draws` draws that `generator` (CPU) makes."""
        raise InvalidInput("model", f"{self.description.id} cannot score")


class DiffusionModel(LatentModel):
    """Makes latents from noise under a condition, in the steps of a schedule; a GAN's has one."""

    # Whether a latent is the image itself, pixel by pixel.
    of_pixels = False

    @property
    def noise_channels(self) -> int:
        """Channels of the noise that the first step starts from: those of a latent, unless said otherwise."""
        return self.description.latent_shape[0]

    @property
    def lora_parts(self) -> Mapping[str, torch.nn.Module]:
        """Parts whose layers LoRA adapters may change, by the names that diffusers' files give them."""
        return {}

    @abstractmethod
    def encode_prompt(self, text: str) -> Condition:
        """The condition of one prompt; equal shapes for all prompts, so that rows can share a batch."""

    def encode_negative_prompt(self, text: str) -> Condition:
        """What guidance moves away from, of a prompt's shapes; some families have zeros for the empty one."""
        return self.encode_prompt(text)

    def encode_context(
        self, height: int, width: int, pixels: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> Condition:
        """What the denoiser sees of an image [1, 3, H, W] that `mask` [1, 1, H, W], 1 where it may change, leaves.

        It follows a prompt's tensors. Most denoisers see nothing; the others are shown a hidden image where there is
        none.
        """
        return ()

    @abstractmethod
    def schedule(
        self, sampler: Sampler | None, steps: int, first_step: int = 0, cells: int | None = None
    ) -> NoiseSchedule:
        """A fresh schedule of `steps` steps that will run from `first_step` on; None where there is no sampler.

        `cells` counts a latent's, h x w; None is the default size. Some spend more steps on noise in large images.
        """

    @abstractmethod
    def predict(self, rows: ModelInput) -> torch.Tensor:
        """What the schedule's step takes, float32 [n, c, h, w]: noise, velocity, or the latent itself."""

    @property
    def flow(self) -> FlowPath:
        """The probability-flow ODE that `predict` defines, for models that score by it."""
        raise InvalidInput("method", f"{self.description.id} has no probability flow")

    @abstractmethod
    def render_previews(self, latents: torch.Tensor) -> torch.Tensor:
        """Cheap renderings, pixels [n, 3, h, w], of latents [n, c, h, w]."""
