"""The starter image model: captioned shapes, in the layout of a Stable Diffusion checkpoint."""
