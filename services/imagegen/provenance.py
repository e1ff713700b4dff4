"""What a PNG says about its own making."""

from imagegen.specs import DenoiseSpec, ImageStart, WalkStart


def describe(spec: DenoiseSpec, seed: int) -> dict[str, str]:
    """Text chunks for an image of `spec` that `seed` made."""
    text = {
        "prompt": spec.prompt,
        "negative_prompt": spec.negative_prompt,
        "seed": str(seed),
        "steps": str(spec.steps),
        "guidance_scale": "" if spec.sampler is None else f"{spec.guidance_scale:g}",
        "sampler": "" if spec.sampler is None else spec.sampler.value,
        "truncation": "" if spec.truncation is None else f"{spec.truncation:g}",
        "model": spec.model,
        "loras": ", ".join(f"{lora.name}={lora.scale:g}" for lora in spec.loras),
        "Software": "Quadrille",
    }
    if isinstance(spec.start, ImageStart):
        text["first_step"] = str(spec.first_step)
    if isinstance(spec.start, WalkStart):
        text["end_prompt"] = spec.start.end_prompt
        text["interpolation"] = spec.start.method.value
    return {key: value for key, value in text.items() if value}
