"""imagegen: diffusion generation and editing, latents and likelihoods, served over gRPC."""
