from gateway.live import LiveView, figures
from gateway.queues import Queue, Queues

TEXT = """
# TYPE quadrille_text_requests_waiting gauge
quadrille_text_requests_waiting{model="a"} 2
quadrille_text_requests_waiting{model="b"} 3
# TYPE quadrille_text_generation_tokens counter
quadrille_text_generation_tokens_total{model="a"} 40
# TYPE quadrille_text_time_to_first_token_seconds histogram
quadrille_text_time_to_first_token_seconds_bucket{le="+Inf",model="a"} 4
quadrille_text_time_to_first_token_seconds_sum{model="a"} 0.5
quadrille_text_time_to_first_token_seconds_count{model="a"} 4
# TYPE process_open_fds gauge
process_open_fds 12
"""


class Source:
    def __init__(self, text):
        self.text = text
        self.reads = 0

    async def read(self):
        self.reads += 1
        return self.text


def test_figures_are_sums_over_servers_and_labels():
    assert figures([TEXT, TEXT]) == {
        "text_waiting": 10,
        "generated_tokens": 80,
        "first_token_seconds": 1.0,
        "first_tokens": 8,
    }


def test_what_is_no_exposition_is_left_out():
    assert figures(["<html>{</html>", "", TEXT])["text_waiting"] == 5


async def test_a_look_is_shared_for_a_moment():
    now = 10.0
    source, lost = Source(TEXT), Source(None)
    up = {"text@1": True}
    queues = Queues({"image": Queue(2, running=1)}, 0)
    view = LiveView([source, lost], lambda: up, lambda: queues, fresh_s=0.5, clock=lambda: now)
    first = await view.look()
    assert (first.at_s, first.serving, first.figures["generated_tokens"]) == (10.0, {"text@1": True}, 40)
    assert first.queues == queues
    up["text@1"] = False
    now = 10.4
    assert await view.look() is first
    now = 10.5
    assert (await view.look()).serving == {"text@1": False}
    assert (source.reads, lost.reads) == (2, 2)
