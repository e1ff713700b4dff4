import pytest
from prometheus_client import CollectorRegistry, Counter, start_http_server
from quadrille_cli.demo.showing import QUESTIONS, Showing
from quadrille_cli.failures import Failed
from quadrille_cli.stack import Service, Stack
from quadrille_client import Client
from rich.console import Console


@pytest.fixture
def show(address, tmp_path):
    registry = CollectorRegistry()
    Counter("quadrille_image_images_total", "Images", registry=registry).inc(5)
    metrics, thread = start_http_server(0, "127.0.0.1", registry)
    url = f"http://127.0.0.1:{metrics.server_port}/metrics"
    stack = Stack([Service("imagegen", (), address, metrics_url=url)], tmp_path / "logs")
    with (tmp_path / "screen").open("w+") as screen, Client(address, timeout=10) as client:
        showing = Showing(client, stack, tmp_path / "out", Console(file=screen, width=200))

        def run(step, *arguments):
            getattr(showing, step)(*arguments)
            screen.seek(0)
            return screen.read()

        yield run
    metrics.shutdown()
    metrics.server_close()
    thread.join()


def test_every_step_shows_what_it_did(show, tmp_path):
    (tmp_path / "README.md").write_text("good")
    assert "paint" in show("models")
    assert "1 files, 1 chunks in quadrille-docs" in show("ingest", "quadrille-docs", [tmp_path / "README.md"])
    assert "Because [1]." in show("ask", QUESTIONS[0])
    assert "hybrid" in show("search")
    assert "-" in show("score")
    assert "out/1.png" in show("images")
    assert (tmp_path / "out" / "2.png").exists()
    screen = show("health")
    assert "SERVING" in screen
    assert "quadrille_image_images" in screen


def test_a_refused_file_fails_the_step(show, tmp_path):
    (tmp_path / "README.md").write_text("bad")
    with pytest.raises(Failed, match="1 files were refused"):
        show("ingest", "quadrille-docs", [tmp_path / "README.md"])


def test_a_service_that_does_not_serve_fails_the_step(show, health):
    health["quadrille.image.v1.ImageService"] = False
    with pytest.raises(Failed, match="does not serve"):
        show("health")
