"""What every adapter of LatentModel keeps."""

import pytest
import torch
from imagegen.domain import Capability, Conditioning, Guidance, ScoreMethod
from imagegen.models.base import DiffusionModel, LatentModel
from imagegen.testing.families import WITH_AUTOENCODER
from serving.errors import InvalidInput


@pytest.fixture(autouse=True)
def no_gradients():  # type: ignore[no-untyped-def]
    with torch.inference_mode():
        yield


def pixels(model: LatentModel, rows: int, seed: int = 0) -> torch.Tensor:
    shape = (rows, 3, model.description.default_height, model.description.default_width)
    levels = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed))
    return levels.float() / 127.5 - 1


def latents(model: LatentModel, rows: int, seed: int = 0) -> torch.Tensor:
    shape = (rows, *model.description.latent_shape)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(model.device)


def test_description_is_consistent(model: LatentModel) -> None:
    about = model.description
    channels, height, width = about.latent_shape
    assert channels > 0
    assert (about.default_height, about.default_width) == (height * model.cell_size, width * model.cell_size)
    assert about.default_width % about.size_granularity == 0 and about.default_width <= about.max_size
    assert about.max_size % about.size_granularity == 0
    generates = Capability.GENERATE in about.capabilities
    assert generates == isinstance(model, DiffusionModel)
    assert generates or not about.samplers
    assert set(about.max_steps) == set(about.samplers)
    assert int(generates) <= about.default_steps <= min(about.max_steps.values(), default=1)
    assert bool(about.labels) == (about.conditioning is Conditioning.LABEL)
    if about.guidance is Guidance.NONE:
        assert about.default_guidance_scale == 0
    else:
        assert about.conditioning is not Conditioning.NONE and about.samplers
    assert about.parameter_count > 0 and about.dtype and about.device
    assert (Capability.ENCODE in about.capabilities) == (about.id in WITH_AUTOENCODER)
    assert (ScoreMethod.VAE_ELBO in about.score_methods) == (about.id in WITH_AUTOENCODER)
    assert (Capability.SCORE in about.capabilities) == bool(about.score_methods)


def encodes(model: LatentModel) -> bool:
    """Edits start from what the model itself encodes, also where Encode is not offered."""
    return not model.description.capabilities.isdisjoint({Capability.ENCODE, Capability.EDIT})


def test_shapes_and_range(model: LatentModel) -> None:
    images = pixels(model, 2)
    decoded = model.decode(latents(model, 2))
    assert decoded.shape == images.shape and decoded.dtype == torch.float32
    assert decoded.min() >= -1 and decoded.max() <= 1
    if encodes(model):
        encoded = model.encode(images)
        assert encoded.shape == (2, *model.description.latent_shape) and encoded.dtype == torch.float32
        assert model.decode(encoded).shape == images.shape


def test_what_a_model_cannot_do_it_refuses(model: LatentModel) -> None:
    if not encodes(model):
        with pytest.raises(InvalidInput, match="cannot encode"):
            model.encode(pixels(model, 1))
    if ScoreMethod.VAE_ELBO not in model.description.score_methods:
        with pytest.raises(InvalidInput, match="cannot score"):
            model.elbo_terms(pixels(model, 1), 1, torch.Generator())
        with pytest.raises(InvalidInput, match="cannot score"):
            print(model.score_method)


def test_smallest_and_oblong_sizes(model: LatentModel) -> None:
    step, channels = model.description.size_granularity, model.description.latent_shape[0]
    most = model.description.max_size
    for height, width in ((step, step), (min(step * 3, most), most)):
        shape = (1, channels, height // model.cell_size, width // model.cell_size)
        assert model.decode(torch.zeros(shape)).shape == (1, 3, height, width)


def test_rows_do_not_depend_on_their_neighbours(model: LatentModel) -> None:
    images, points = pixels(model, 3), latents(model, 3)
    torch.testing.assert_close(model.decode(points)[1:2], model.decode(points[1:2]), atol=1e-4, rtol=1e-4)
    if not encodes(model):
        return
    torch.testing.assert_close(model.encode(images)[1:2], model.encode(images[1:2]), atol=1e-4, rtol=1e-4)
    drawn = model.encode(images, [1, 2, 3])
    torch.testing.assert_close(drawn[1:2], model.encode(images[1:2], [2]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("model", WITH_AUTOENCODER, indirect=True)
def test_seeds_decide_draws(model: LatentModel) -> None:
    images = pixels(model, 1)
    assert torch.equal(model.encode(images, [5]), model.encode(images, [5]))
    assert not torch.equal(model.encode(images, [5]), model.encode(images, [6]))


@pytest.mark.parametrize("model", WITH_AUTOENCODER, indirect=True)
def test_bound_terms(model: LatentModel) -> None:
    image = pixels(model, 1)
    first = model.elbo_terms(image, 3, torch.Generator().manual_seed(1))
    again = model.elbo_terms(image, 3, torch.Generator().manual_seed(1))
    assert first.reconstruction.shape == (3,) and first.reconstruction.dtype == torch.float64
    assert torch.equal(first.reconstruction, again.reconstruction)
    assert (first.reconstruction < 0).all() and first.kl_divergence >= 0
    assert model.score_method
