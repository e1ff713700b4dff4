"""When to come back, as told to whoever is refused for now."""

_LEAST_S, _MOST_S, _UNKNOWN_S = 0.1, 30.0, 1.0


def retry_delay_s(predicted_s: float | None) -> float:
    """The time predicted until there is room, held within 0.1 and 30 s; 1 s where it is not known."""
    return _UNKNOWN_S if predicted_s is None else min(_MOST_S, max(_LEAST_S, predicted_s))
