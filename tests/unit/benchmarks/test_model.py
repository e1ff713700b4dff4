from transformers import AutoTokenizer

from benchmarks.peers.protocol import FIRST, VOCABULARY
from benchmarks.text.model import tokenizer


def test_every_token_that_may_be_said_is_text_by_itself(tmp_path):
    tokenizer(VOCABULARY).save_pretrained(tmp_path)
    read = AutoTokenizer.from_pretrained(tmp_path)
    assert len(read) == VOCABULARY
    spelt = read.convert_ids_to_tokens(range(FIRST, VOCABULARY))
    assert all(word.isascii() and 2 <= len(word) <= 4 for word in spelt)
    assert read.decode(read("hello world").input_ids) == "hello world"
