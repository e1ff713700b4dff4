import torch
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.prompts import PromptCache


def count(metrics: ImagegenMetrics) -> tuple[float, float]:
    hits = metrics.prompt_cache_hits_total._value.get()
    return hits, metrics.prompt_cache_queries_total._value.get()


def test_least_recently_used_goes_first(pipeline: StableDiffusionModel, metrics: ImagegenMetrics) -> None:
    cache = PromptCache(2, metrics)
    for text in ("a", "b", "a", "c", "a", "b"):
        (embedded,), (encoded,) = cache.embed(pipeline, text), pipeline.encode_prompt(text)
        assert torch.equal(embedded, encoded)
    assert count(metrics) == (2, 6)  # "a" twice; "b" had to go for "c"


def test_a_negative_prompt_is_not_the_same_words_as_a_prompt(
    families: dict[str, DiffusionModel], prompts: PromptCache
) -> None:
    model = families["sdxl"]
    for _ in range(2):
        away, empty = prompts.embed(model, "", negative=True), prompts.embed(model, "")
        assert all(not tensor.any() for tensor in away) and all(tensor.any() for tensor in empty)
