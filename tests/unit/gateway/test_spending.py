from gateway.rag.spending import Spending


def test_stages_add_up_and_a_moment_counts_once():
    now = [0.0]
    spending = Spending(lambda: now[0])
    for seconds in (1, 2):
        with spending.timed("generate"):
            now[0] += seconds
            spending.mark("first_token", since="generate")
    timings = spending.timings()
    assert (timings.generate_ms, timings.first_token_ms, timings.total_ms) == (3000, 1000, 3000)
    assert timings.embed_ms == 0


def test_one_pass_that_was_not_metered_leaves_the_sum_unknown():
    spending = Spending()
    spending.add_joules(1.5)
    spending.add_joules(2.0)
    assert spending.timings().energy_joules == 3.5
    spending.add_joules(None)
    spending.add_joules(1.0)
    assert spending.timings().energy_joules is None
