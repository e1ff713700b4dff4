"""The image service beside diffusers: one model, the same requests, one run."""
