import torch
from imagegen.domain import HeldLora
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel
from imagegen.models.lora import adapted
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.prompts import PromptCache
from serving.loras import Adapter


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


def test_each_set_of_adapters_has_conditions_of_its_own(
    pipeline: StableDiffusionModel, metrics: ImagegenMetrics
) -> None:
    cache = PromptCache(8, metrics)
    sets = [(), (held("aa", 1.0),), (held("aa", 0.5),), (held("bb", 1.0),)]
    for loras in [*sets, *sets]:
        with adapted(loras):
            cache.embed(pipeline, "a")
    with adapted((held("aa", 1.0),)):  # of the same content, as one that is loaded again
        cache.embed(pipeline, "a")
    assert count(metrics) == (5, 9)


def held(digest: str, scale: float) -> HeldLora:
    return HeldLora(Adapter("x", 1, 1, digest, {}), scale)
