from gateway.balancing.ejection import Ejection
from hypothesis import given
from hypothesis import strategies as st


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def call(ejection, fine):
    return ejection.ended(fine, ejection.begun())


def test_failures_in_a_row_take_it_out_and_a_success_starts_the_row_anew():
    ejection = Ejection(Clock(), threshold=3)
    assert [call(ejection, fine) for fine in (False, False, True, False, False)] == [False] * 5
    assert ejection.admits
    assert call(ejection, False)
    assert not ejection.admits


def test_probation_lets_one_call_at_a_time_through():
    clock = Clock()
    ejection = Ejection(clock, threshold=1, base_s=5)
    call(ejection, False)
    clock.now = 4.9
    assert not ejection.admits
    clock.now = 5.0
    assert ejection.admits
    assert ejection.begun()
    assert not ejection.admits
    ejection.ended(None, True)  # its caller left
    assert ejection.admits
    call(ejection, True)
    assert ejection.admits
    assert not ejection.begun()  # back in use: no trial


def test_each_further_time_it_is_out_twice_as_long_up_to_a_limit():
    clock = Clock()
    ejection = Ejection(clock, threshold=1, base_s=5, longest_s=15)
    for expected in (5, 10, 15, 15):
        assert call(ejection, False)
        clock.now += expected - 0.1
        assert not ejection.admits
        clock.now += 0.1
        assert ejection.admits


def test_enough_successes_make_it_forgotten():
    clock = Clock()
    ejection = Ejection(clock, threshold=2, base_s=5)
    for _ in range(2):
        call(ejection, False)
    clock.now = 5.0
    for _ in range(2):
        call(ejection, True)
    for _ in range(2):
        call(ejection, False)
    clock.now = 10.0
    assert ejection.admits


def test_what_began_before_says_nothing_of_a_server_that_is_out():
    ejection = Ejection(Clock(), threshold=1)
    early, late = ejection.begun(), ejection.begun()
    ejection.ended(False, early)
    ejection.ended(True, late)
    assert not ejection.admits


@given(st.lists(st.tuples(st.sampled_from(("begin", "fine", "bad", "left")), st.integers(0, 9))))
def test_whatever_happens_trials_are_counted_and_it_comes_back_in_the_end(events):
    clock = Clock()
    ejection = Ejection(clock, threshold=2, base_s=5, longest_s=20)
    running = []
    for event, seconds in events:
        clock.now += seconds
        if event == "begin" and ejection.admits:
            running.append(ejection.begun())
            assert sum(running) <= 1
        elif event != "begin" and running:
            ejection.ended({"fine": True, "bad": False, "left": None}[event], running.pop(0))
    for trial in running:
        ejection.ended(None, trial)
    clock.now += 20
    assert ejection.admits
    call(ejection, True)
    assert ejection.admits
