import subprocess
import sys

import pytest

from benchmarks.peers.protocol import FIRST, PROMPT, VOCABULARY, Answer, measure, peak_mb, prompts
from benchmarks.peers.texts import COUNT, texts


def test_no_two_prompts_begin_alike_in_any_round():
    asked = [
        prompt for round_ in range(-1, 3) for streams in (1, 8, 32) for prompt in prompts(streams, round_)
    ]
    assert len({tuple(prompt[:16]) for prompt in asked}) == len(asked)
    assert all(
        len(prompt) == PROMPT and min(prompt) >= FIRST and max(prompt) < VOCABULARY for prompt in asked
    )


def test_every_peer_is_asked_the_same():
    assert prompts(8, 1) == prompts(8, 1)
    assert len(set(texts())) == len(texts()) == COUNT and texts() == texts()


def test_the_warm_up_is_not_counted():
    asked = []

    def batch(given, tokens):
        asked.append((len(given), tokens))
        first = 100.0 if len(asked) == 1 else float(len(asked))
        return [Answer([7] * tokens, first) for _ in given]

    found = measure(batch, 4, repeats=3, tokens=16)
    assert asked == [(4, 8), (4, 16), (4, 16), (4, 16)]
    assert found["streams"] == 4 and found["ttft_ms"] == 3000.0 and found["first_tokens"] == [7] * 4


def test_a_short_answer_is_no_measurement():
    with pytest.raises(RuntimeError, match="16 tokens"):
        measure(lambda given, tokens: [Answer([7] * min(tokens, 15), None) for _ in given], 2, tokens=16)


def test_an_engine_that_does_not_stream_has_no_first_token():
    found = measure(lambda given, tokens: [Answer([7] * tokens, None) for _ in given], 2, tokens=16)
    assert found["ttft_ms"] is None


def test_memory_is_that_of_the_children_too():
    code = "import sys; held = b'x' * 50_000_000; print(flush=True); sys.stdin.read()"
    before = peak_mb()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        assert peak_mb(child.pid) >= 50
        assert peak_mb() >= before + 50
        child.stdin.close()
