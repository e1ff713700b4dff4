import pytest
import torch
from textgen.models.graphed_network import GraphedNetwork, Way, sizes_of
from textgen.scheduler import Span
from transformers import LlamaConfig, LlamaForCausalLM

BLOCKS = 12


@pytest.mark.parametrize(
    "rows, sizes",
    [(1, (1, 2, 4, 8, 16)), (20, (1, 2, 4, 8, 16, 20)), (32, (1, 2, 4, 8, 16, 32)), (1000, sizes_of(256))],
)
def test_sizes_have_a_place_for_each_sequence(rows, sizes):
    assert sizes_of(rows) == sizes


@pytest.fixture
def model():
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    return LlamaForCausalLM(config).eval().requires_grad_(False)


def network(model, kernel, capture):
    return GraphedNetwork(model, blocks=BLOCKS, rows=4, way=Way("test", kernel, capture))


def kernel(query, keys, values, tiles, rules):
    return torch.zeros(*query.shape[:2], values.shape[3])


def test_small_passes_are_replayed_filled_up_and_large_ones_are_not(model):
    replayed = []

    def capture(run):
        result = run()

        def replay():
            replayed.append(len(result))
            return result.copy_(run())

        return replay

    graphed = network(model, kernel, capture)
    for tokens in (1, 3, 16, 17):
        found = graphed.compute([Span((0, 0), [1] * tokens, 0, (3, 5), chooses=True)], [tokens - 1])
        assert found.shape == (1, 50)
    assert replayed == [1, 4, 16]


def test_rows_without_a_token_write_where_no_sequence_does(model):
    written = []
    graphed = network(model, kernel, lambda run: run)
    cache = graphed._cache
    assert cache.blocks == BLOCKS + 1
    for tensor in cache.keys:
        tensor.zero_()
    graphed.compute([Span((0, 0), [1, 2, 3], 30, (7, 2, 4), chooses=True)], [2])
    written = cache.keys[0].abs().sum((1, 2, 3)).nonzero()[:, 0].tolist()
    assert written == [2, 4, BLOCKS]  # positions 30 and 31, 32, and the row that fills the pass up


def test_without_a_capture_nothing_is_replayed(model):
    graphed = network(model, kernel, None)
    assert graphed.compute([Span((0, 0), [1], 0, (0,), chooses=True)], [0]).shape == (1, 50)


def test_what_the_kernel_cannot_do_is_known_at_once(model):
    def refusing(*_):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        network(model, refusing, None)
