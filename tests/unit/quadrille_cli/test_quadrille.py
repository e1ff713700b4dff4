import sys

from quadrille_cli.stack import Ports, local_stack, quadrille_services


def test_the_environment_joins_the_services(tmp_path):
    ports = Ports.from_base(6000)
    config = tmp_path / "quadrille.toml"
    services = {item.name: item for item in quadrille_services(tmp_path, ports, config)}
    assert list(services) == ["textgen", "imagegen", "retrieval", "gateway"]
    gateway = services["gateway"]
    assert gateway.door
    assert gateway.command == (sys.executable, "-m", "gateway")
    assert gateway.environment == {
        "QUADRILLE_CONFIG": str(config),
        "QUADRILLE_GATEWAY_HOST": "127.0.0.1",
        "QUADRILLE_GATEWAY_PORT": "6000",
        "QUADRILLE_GATEWAY_DATA_DIR": str(tmp_path / "gateway"),
        "QUADRILLE_GATEWAY_HTTP_HOST": "127.0.0.1",
        "QUADRILLE_GATEWAY_HTTP_PORT": "6004",
        "QUADRILLE_GATEWAY_TEXT_ADDRESSES": services["textgen"].address,
        "QUADRILLE_GATEWAY_IMAGE_ADDRESSES": services["imagegen"].address,
        "QUADRILLE_GATEWAY_RETRIEVAL_ADDRESS": services["retrieval"].address,
        "QUADRILLE_GATEWAY_METRICS_URLS": ",".join(
            services[name].metrics_url for name in ("textgen", "imagegen", "retrieval")
        ),
    }
    assert services["retrieval"].environment["QUADRILLE_RETRIEVAL_METRICS_PORT"] == "6007"
    assert services["retrieval"].metrics_url == "http://127.0.0.1:6007/metrics"


def test_model_servers_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    by_name = {item.name: item.environment for item in quadrille_services(tmp_path, Ports())}
    assert by_name["textgen"]["OMP_NUM_THREADS"] == by_name["imagegen"]["OMP_NUM_THREADS"] == "4"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    by_name = {item.name: item.environment for item in quadrille_services(tmp_path, Ports())}
    assert by_name["textgen"]["OMP_NUM_THREADS"] == "3"


def test_logs_lie_below_the_data(tmp_path):
    stack = local_stack(tmp_path)
    assert stack.log_dir == tmp_path / "logs"
    assert stack.address == "127.0.0.1:50050"
