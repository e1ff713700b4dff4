import pytest
import torch
from textgen.models.seq2seq_cache import Memory, can_be_mixed, closed, joined, placed
from torch import nn
from transformers.models.bart.modeling_bart import BartLearnedPositionalEmbedding


def memory(answered, prompt, seed=0):
    torch.manual_seed(seed)
    layers = range(2)
    own = [(torch.randn(1, 3, answered, 4), torch.randn(1, 3, answered, 4)) for _ in layers]
    return Memory(own, [(torch.randn(1, 3, prompt, 4), torch.randn(1, 3, prompt, 4)) for _ in layers])


def same(one, other):
    pairs = zip([*one.own, *one.prompt], [*other.own, *other.prompt], strict=True)
    return all(torch.equal(a, b) for left, right in pairs for a, b in zip(left, right, strict=True))


def test_rows_of_a_batch_come_out_as_they_went_in():
    lengths = [(5, 2), (1, 7), (3, 3)]
    rows = [memory(*each, seed) for seed, each in enumerate(lengths)]
    batch = joined(rows)
    assert batch.own[0][0].shape == (3, 3, 5, 4)
    assert batch.prompt[1][1].shape == (3, 3, 7, 4)
    assert torch.equal(batch.own[0][0][1, :, -1:], rows[1].own[0][0][0])  # answers end together
    assert torch.equal(batch.prompt[0][0][1], rows[1].prompt[0][0][0])
    for place, (row, each) in enumerate(zip(rows, lengths, strict=True)):
        assert same(batch.row(place, *each), row)


def test_a_pass_changes_its_cache_and_not_the_memory():
    before = memory(4, 3)
    kept = joined([before])
    cache = before.opened()
    token = torch.randn(1, 3, 1, 4)
    cache.self_attention_cache.update(token, token, 0)
    assert same(before, kept)
    after = closed(cache)
    assert torch.equal(after.own[0][0], torch.cat([before.own[0][0], token], 2))
    assert torch.equal(after.prompt[0][0], before.prompt[0][0])
    assert cache.is_updated == {0: True, 1: True}  # what was made of the prompts is taken over


class Decoder(nn.Module):
    def __init__(self, table=None):
        super().__init__()
        if table is not None:
            self.embed_positions = table


def test_each_row_finds_its_own_position_while_it_lasts():
    table = BartLearnedPositionalEmbedding(9, 4)
    ids = torch.zeros(3, 1, dtype=torch.long)
    with placed(Decoder(table), torch.tensor([4, 0, 7])):
        found = table(ids, 5)
    assert torch.equal(found[:, 0], table.weight[[6, 2, 9]])
    assert torch.equal(table(ids, 5)[:, 0], table.weight[[7, 7, 7]])
    with pytest.raises(RuntimeError, match="a fault"), placed(Decoder(table), torch.tensor([4])):
        raise RuntimeError("a fault")
    assert torch.equal(table(ids, 5)[:, 0], table.weight[[7, 7, 7]])


@pytest.mark.parametrize(
    ("table", "mixes"),
    [(None, True), (BartLearnedPositionalEmbedding(9, 4), True), (nn.Embedding(9, 4), False)],
)
def test_only_positions_that_can_be_given_are_mixed(table, mixes):
    assert can_be_mixed(Decoder(table)) is mixes
    with placed(Decoder(table), torch.tensor([1])):
        pass
