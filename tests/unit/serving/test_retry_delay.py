from serving.retry_delay import retry_delay_s


def test_delays_are_predicted_within_bounds() -> None:
    assert [retry_delay_s(predicted) for predicted in (None, 0.0, 2.5, 1e6)] == [1.0, 0.1, 2.5, 30.0]
