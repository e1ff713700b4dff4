"""The Open Inference Protocol, version 2, over the text port."""
