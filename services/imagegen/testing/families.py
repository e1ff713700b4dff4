"""A tiny model of every family that is served, and which families have what in common."""

from pathlib import Path

from imagegen.testing.flow import save_tiny_flux, save_tiny_sd3
from imagegen.testing.parts import save_tiny_vae
from imagegen.testing.pipelines import save_tiny_ddpm, save_tiny_dit, save_tiny_pipeline
from imagegen.testing.stable_diffusion import save_tiny_inpainting, save_tiny_sd2, save_tiny_sdxl
from imagegen.testing.style_generator import save_tiny_gan

OF_TEXT = (
    "stable_diffusion",
    "v_prediction",
    "stable_diffusion_2",
    "stable_diffusion_xl",
    "stable_diffusion_xl_empty",
    "inpainting",
    "inpainting_xl",
    "stable_diffusion_3",
    "stable_diffusion_3_t5",
    "flux",
    "flux_undistilled",
)
OF_MANY_CELLS = (*OF_TEXT, "dit", "ddpm", "ddim")
GENERATING = (*OF_MANY_CELLS, "gan")
WITH_AUTOENCODER = (*OF_TEXT, "dit", "vae")


def save_families(folder: Path) -> dict[str, Path]:
    """Write a directory for each, by name."""
    return {
        "stable_diffusion": save_tiny_pipeline(folder / "epsilon"),
        "v_prediction": save_tiny_pipeline(
            folder / "v",
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            rescale_betas_zero_snr=False,
        ),
        "stable_diffusion_2": save_tiny_sd2(folder / "sd2"),
        "stable_diffusion_xl": save_tiny_sdxl(folder / "sdxl"),
        "stable_diffusion_xl_empty": save_tiny_sdxl(folder / "sdxl_empty", zeros_for_empty=False),
        "inpainting": save_tiny_inpainting(folder / "inpainting"),
        "inpainting_xl": save_tiny_sdxl(folder / "inpainting_xl", inpaint=True),
        "stable_diffusion_3": save_tiny_sd3(folder / "sd3"),
        "stable_diffusion_3_t5": save_tiny_sd3(
            folder / "sd3_t5", t5=True, use_dynamic_shifting=True, base_image_seq_len=4, max_image_seq_len=64
        ),
        "flux": save_tiny_flux(folder / "flux"),
        "flux_undistilled": save_tiny_flux(
            folder / "schnell", distilled=False, use_dynamic_shifting=False, shift=1.0
        ),
        "dit": save_tiny_dit(folder / "dit"),
        "ddpm": save_tiny_ddpm(folder / "ddpm"),
        "ddim": save_tiny_ddpm(folder / "ddim", ddim=True),
        "gan": save_tiny_gan(folder / "gan"),
        "vae": save_tiny_vae(folder / "vae"),
    }
