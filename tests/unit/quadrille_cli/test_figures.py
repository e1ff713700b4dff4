from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from quadrille_cli.demo.figures import figures


def test_counters_are_summed_and_histograms_averaged():
    registry = CollectorRegistry()
    tokens = Counter("quadrille_text_generation_tokens_total", "t", ["model"], registry=registry)
    tokens.labels("a").inc(3)
    tokens.labels("b").inc(4)
    seconds = Histogram("quadrille_image_step_seconds", "s", registry=registry)
    seconds.observe(0.1)
    seconds.observe(0.3)
    Histogram("quadrille_rpc_duration_seconds", "never observed", registry=registry)
    Gauge("quadrille_of_no_interest", "g", registry=registry).set(1)
    assert list(figures(generate_latest(registry).decode())) == [
        ("quadrille_text_generation_tokens", "7"),
        ("quadrille_image_step_seconds", "200.0 ms mean of 2"),
    ]
