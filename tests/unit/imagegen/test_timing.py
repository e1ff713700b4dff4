from imagegen.timing import PhaseClock


def test_phases_follow_without_gap_or_overlap() -> None:
    clock = PhaseClock(10.0)
    for phase, now in (("encode", 11.0), ("denoise", 13.0), ("decode", 17.0)):
        clock.enter(phase, now)  # type: ignore[arg-type]
    clock.device_seconds = 5.5
    timings = clock.timings(25.0)
    assert (timings.queue_ms, timings.encode_ms, timings.denoise_ms, timings.decode_ms) == (
        1000,
        2000,
        4000,
        8000,
    )
    assert timings.device_ms == 5500
