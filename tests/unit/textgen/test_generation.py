"""The lane with a runner that fails on purpose; that what is right comes out is the contract suites' matter."""

import pytest
from serving.errors import Overloaded, Unavailable
from textgen.channel import EventChannel
from textgen.detokenizer import Detokenizer
from textgen.domain import GenerationTask, Sampling
from textgen.generation import GenerationLane, Job
from textgen.models.base import RowSpec, Sampled, Stepped
from textgen.prompt_logprobs import PromptTeller
from textgen.scheduler import Limits, Scheduler
from textgen.sequence import SequenceState
from textgen.stops import StopMatcher

LIMITS = Limits(max_batch_size=4, max_batch_tokens=256, max_prefill_tokens=64)


class Runner:
    """Chooses token 7; `fails` says with what a pass over given requests fails."""

    def __init__(self, fails=lambda numbers: None):
        self.fails, self.passes, self.rows = fails, [], set()

    def join(self, row):
        self.rows.add(row.key)

    def copy(self, blocks):
        pass

    def step(self, spans):
        self.passes.append([span.key[0] for span in spans])
        if (error := self.fails(self.passes[-1])) is not None:
            raise error
        return Stepped(
            {span.key: [Sampled(7, -1.0)] * (1 + span.drafts) for span in spans if span.chooses},
            {span.key: [Sampled(token, -2.0) for token in span.scored] for span in spans if span.scored},
        )

    def drop(self, keys):
        self.rows -= set(keys)

    def renewed(self):
        return Runner()


class Loop:
    def call_soon_threadsafe(self, callback, channels):
        for channel in channels:
            channel.woken += 1


class Channel(EventChannel):
    def __init__(self):
        super().__init__(Loop())
        self.tokens, self.prompt, self.finished, self.error, self.woken = [], [], None, None, 0

    def put(self, deltas=(), *, prompt=(), finished=None, error=None):
        assert not (prompt and self.tokens)
        self.prompt += [entry.token_id for part in prompt for entry in part.tokens]
        self.tokens += [token for delta in deltas for token in delta.token_ids]
        self.finished, self.error = finished or self.finished, error or self.error
        return super().put(deltas, prompt=prompt, finished=finished, error=error)


@pytest.fixture
def lane_of(metrics, codec):
    def make(runner, **more):
        lane = GenerationLane(runner, Scheduler(LIMITS), metrics, **more)
        channels = {}

        def submit(number, prompt=(1, 2, 3), max_tokens=3, **more):
            task = GenerationTask(tuple(prompt), Sampling(max_tokens=max_tokens), max_tokens, 0, f"r{number}")
            sequence = SequenceState(
                0,
                max_tokens=max_tokens,
                end_ids=frozenset(),
                stops=StopMatcher(()),
                detokenizer=Detokenizer(codec.vocabulary, starts_text=False),
            )
            channels[number] = Channel()
            spec = RowSpec((number, 0), task.prompt, task.sampling, 0)
            lane.submit(Job(number, task, [spec], [sequence], channels[number], lambda: None, 0.0, **more))

        def run():
            while lane.has_work():
                lane.step()
            return channels

        return lane, submit, run

    return make


def test_who_cannot_be_computed_fails_alone(lane_of):
    runner = Runner(lambda numbers: ArithmeticError("2 is cursed") if 2 in numbers else None)
    _, submit, run = lane_of(runner)
    for number in (1, 2, 3):
        submit(number)
    channels = run()
    assert isinstance(channels[2].error, ArithmeticError)
    for number in (1, 3):
        assert (channels[number].tokens, channels[number].error) == ([7, 7, 7], None)
        assert channels[number].woken == 3
    assert runner.passes[:5] == [[1, 2, 3], [1], [2, 3], [2], [3]]
    assert not runner.rows


def test_what_is_too_much_for_the_device_at_once_is_computed_by_halves(lane_of):
    tight = Runner(lambda numbers: Overloaded("no memory", retry_after_s=1) if len(numbers) > 1 else None)
    _, submit, run = lane_of(tight)
    for number in (1, 2, 3):
        submit(number)
    assert all(channel.tokens == [7, 7, 7] for channel in run().values())


def test_who_does_not_fit_alone_is_refused(lane_of):
    _, submit, run = lane_of(Runner(lambda numbers: Overloaded("no memory", retry_after_s=1)))
    submit(1)
    assert isinstance(run()[1].error, Overloaded)


def test_tokens_after_the_end_are_not_sent(lane_of):
    _, submit, run = lane_of(Runner(), speculates=True)
    submit(1, prompt=(7,) * 9, max_tokens=4)
    channel = run()[1]
    assert channel.tokens == [7, 7, 7, 7]
    assert channel.finished.usage.completion_token_count == 4


def test_who_goes_on_from_a_copy_that_failed_fails(lane_of, monkeypatch):
    lane, submit, run = lane_of(runner := Runner())
    monkeypatch.setattr(runner, "copy", lambda blocks: 1 / 0)
    submit(1)
    lane.step()
    monkeypatch.undo()
    submit(2)
    channels = run()
    assert isinstance(channels[1].error, ZeroDivisionError)
    assert channels[2].tokens == [7, 7, 7]
    assert runner.passes[0] == [2]


def test_what_is_unfinished_fails_when_the_lane_closes(lane_of):
    lane, submit, run = lane_of(runner := Runner())
    submit(1, max_tokens=99)
    lane.step()
    lane.close()
    assert isinstance(run()[1].error, Unavailable)
    assert not runner.rows


def test_after_a_restart_who_was_sent_nothing_waits_again_and_others_fail(lane_of):
    lane, submit, run = lane_of(Runner())
    submit(1)
    lane.step()
    submit(2, prompt=range(200))
    lane.step()  # half of its prompt was read
    submit(3)
    lane.restart()
    channels = run()
    assert isinstance(channels[1].error, Unavailable)
    for number in (2, 3):
        assert (channels[number].tokens, channels[number].error) == ([7, 7, 7], None)


def test_a_prompt_is_told_once_though_it_is_read_twice(lane_of):
    lane, submit, run = lane_of(Runner())
    submit(1, prompt=range(200), teller=PromptTeller(str))
    for _ in range(2):
        lane.step()
    lane.restart()
    submit(2, prompt=range(200))
    submit(3, prompt=range(200), teller=PromptTeller(str))
    channels = run()
    assert channels[1].prompt == channels[3].prompt == list(range(1, 200))
    assert channels[2].prompt == []
    assert [channels[number].tokens for number in (1, 2, 3)] == [[7, 7, 7]] * 3


def test_usage_tells_what_was_reused(lane_of):
    lane, submit, run = lane_of(Runner())
    cached = []
    for number, ids in enumerate((range(70), range(40), range(200))):  # the last is read in parts
        submit(number, prompt=ids)
        cached.append(run()[number].finished.usage.cached_prompt_token_count)
    submit(3, prompt=[*range(32), *range(900, 1050)])
    lane.step()
    lane.restart()
    cached.append(run()[3].finished.usage.cached_prompt_token_count)
    assert cached == [0, 32, 64, 0]


def test_what_is_counted_goes_on_after_a_restart(lane_of, registry):
    lane, submit, run = lane_of(Runner())
    for number in (1, 2):
        submit(number, prompt=range(40))
        run()
        lane.restart()
    assert registry.get_sample_value("quadrille_text_prefix_cache_queries_total", {"model": "m"}) == 80


def test_who_is_there_at_two_restarts_fails(lane_of):
    lane, submit, run = lane_of(Runner())
    submit(1, prompt=range(200))
    for _ in range(2):
        lane.step()
        lane.restart()
    submit(2)
    channels = run()
    assert isinstance(channels[1].error, Unavailable)
    assert channels[2].tokens == [7, 7, 7]


class Meter:
    """Two joules for each pass, until the counter cannot be read."""

    def __init__(self, passes):
        self.calls = 0
        self.passes = passes

    def joules(self):
        self.calls += 1
        return None if self.calls > 2 * self.passes else 2.0


def test_the_joules_of_a_pass_are_shared_and_absent_when_some_are_not_known(lane_of):
    _, submit, run = lane_of(Runner(), meter=Meter(3))
    submit(1)
    submit(2, max_tokens=4)
    channels = run()
    assert [channels[number].finished.timings.energy_joules for number in (1, 2)] == [3.0, None]


def test_without_a_meter_there_are_no_joules(lane_of):
    _, submit, run = lane_of(Runner())
    submit(1)
    assert run()[1].finished.timings.energy_joules is None


def test_the_books_are_published(lane_of, registry):
    _, submit, run = lane_of(Runner(), speculates=True)
    submit(1, prompt=range(40), max_tokens=30)
    run()
    submit(2, prompt=range(40), max_tokens=30)
    run()

    def value(name):
        return registry.get_sample_value(f"quadrille_text_{name}", {"model": "m"})

    assert (value("prefix_cache_queries_total"), value("prefix_cache_hits_total")) == (80, 32)
    assert 0 < value("speculation_kept_total") <= value("speculation_drafts_total")
    assert (value("generation_tokens_total"), value("prompt_tokens_total")) == (60, 48)
    assert (value("requests_running"), value("kv_cache_usage_ratio")) == (0, 0)
