from imagegen.device_meter import Spent
from imagegen.timing import PhaseClock


def test_phases_follow_without_gap_or_overlap() -> None:
    clock = PhaseClock(10.0)
    for phase, now in (("encode", 11.0), ("denoise", 13.0), ("decode", 17.0)):
        clock.enter(phase, now)  # type: ignore[arg-type]
    clock.took_part(Spent(4.0), 0.25, 0.5)
    clock.took_part(Spent(1.0), 1.0, 1.0)
    clock.took_part(Spent(0.5), 1.0)
    timings = clock.timings(25.0)
    assert (timings.queue_ms, timings.encode_ms, timings.denoise_ms, timings.decode_ms) == (
        1000,
        2000,
        4000,
        8000,
    )
    assert (timings.device_ms, timings.device_share_ms, timings.batch_occupancy) == (5500, 2500, 0.75)
    assert timings.energy_joules is None


def test_joules_are_shared_like_time() -> None:
    clock = PhaseClock(0.0)
    clock.took_part(Spent(4.0, 8.0), 0.25)
    clock.took_part(Spent(1.0, 3.0), 1.0)
    timings = clock.timings(5.0)
    assert (timings.energy_joules, timings.batch_occupancy) == (5.0, None)
