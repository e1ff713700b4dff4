"""A scheduler and a runner, stepped as the lane steps them, but with nobody who reads."""

from textgen.models.base import RowSpec, Stepped
from textgen.scheduler import Entry, Limits, Scheduler

ROOMY = Limits(max_batch_size=8, max_batch_tokens=1024, max_prefill_tokens=256)


class Batch:
    """Sequences come by `add` and leave when they have as many tokens as they wanted."""

    def __init__(self, runner, limits=ROOMY, *, caches=True, speculative=False):
        self.scheduler = Scheduler(limits, prefix_caching=caches)
        self.answers, self.errors, self.preempted, self.found, self.kept = {}, {}, 0, 0, 0
        self.scored = {}
        self._runner, self._speculative, self._rows = runner, speculative, {}

    def add(self, row, count, **more):
        entry = Entry(row.key, row.prompt, count, speculative=self._speculative, **more)
        self._rows[row.key] = row, count
        self.answers[row.key] = []
        self.scheduler.add(entry)

    def step(self):
        plan = self.scheduler.plan(0.0)
        self.preempted += len(plan.preempted)
        self.found += plan.found
        for key in plan.joined:
            self._runner.join(self._rows[key][0])
        self._runner.copy(plan.copies)
        stepped = self._runner.step(plan.spans) if plan.spans else Stepped({})
        results = stepped.chosen
        assert set(results) == {span.key for span in plan.spans if span.chooses}
        assert set(stepped.scored) == {span.key for span in plan.spans if span.scored}
        for span in plan.spans:
            for place, sampled in enumerate(stepped.scored.get(span.key, ()), span.start + 1):
                self.scored.setdefault(span.key, {})[place] = sampled
            result = results.get(span.key, ())
            if isinstance(result, Exception):
                self.errors[span.key] = result
                self.leave(span.key)
                continue
            self.scheduler.complete(span, [sampled.token_id for sampled in result])
            self.answers[span.key] += result
            self.kept += max(0, len(result) - 1)
            if len(self.answers[span.key]) >= self._rows[span.key][1]:
                self.leave(span.key)
        return plan

    def leave(self, key):
        self.scheduler.remove([key])
        self._runner.drop([key])

    def finish(self):
        """Run until nothing is left; the tokens by request number."""
        while self.scheduler.waiting or self.scheduler.running:
            self.step()
        assert self.scheduler.pool.held == 0
        return {key[0]: [sampled.token_id for sampled in answer] for key, answer in self.answers.items()}


def run(runner, rows, limits=ROOMY, **more):
    """Tokens by request number of rows and how many tokens each wants."""
    batch = Batch(runner, limits, **more)
    for row, count in rows:
        batch.add(row, count)
    return batch.finish()


def row(number, prompt, sampling, seed=0, constraint=None):
    return RowSpec((number, 0), tuple(prompt), sampling, seed, constraint)
