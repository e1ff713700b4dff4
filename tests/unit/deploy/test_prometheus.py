"""Prometheus scrapes the services of the compose file where they listen; `make check-prometheus` asks promtool."""

from pathlib import Path

import pytest
import yaml
from gateway.config import GatewaySettings
from imagegen.config import ImagegenSettings
from retrieval.config import RetrievalSettings
from textgen.config import TextgenSettings

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
CONFIG = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
JOBS = {job["job_name"]: job for job in CONFIG["scrape_configs"]}
PROVISIONING = ROOT / "deploy/grafana/provisioning"
PORTS = {
    "textgen": TextgenSettings.model_fields["metrics_port"].default,
    "imagegen": ImagegenSettings.model_fields["metrics_port"].default,
    "retrieval": RetrievalSettings.model_fields["metrics_port"].default,
    "gateway": GatewaySettings.model_fields["http_port"].default,
}


def load(path):
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("service", PORTS)
def test_each_service_is_scraped_under_its_name_where_it_listens(service):
    (static,) = JOBS[service]["static_configs"]
    assert static["targets"] == [f"{service}:{PORTS[service]}"]
    assert service in COMPOSE
    assert JOBS[service].get("metrics_path", "/metrics") == "/metrics"


def test_nothing_else_is_scraped():
    assert set(JOBS) == set(PORTS)


def test_profiled_services_are_scraped_only_where_they_run():
    profiled = {name for name, item in COMPOSE.items() if "build" in item and "profiles" in item}
    found = {
        name for job in JOBS.values() for item in job.get("dns_sd_configs", ()) for name in item["names"]
    }
    assert found == profiled


def test_all_rule_files_are_loaded():
    (pattern,) = CONFIG["rule_files"]
    rules = sorted((ROOT / "deploy/prometheus").glob(pattern))
    assert rules == sorted((ROOT / "deploy/prometheus/rules").iterdir()) and len(rules) >= 3


def test_every_alert_has_a_test():
    rules = [load(path) for path in (ROOT / "deploy/prometheus/rules").glob("*.yml")]
    alerts = {
        rule["alert"]
        for file in rules
        for group in file["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    files = [load(path) for path in (ROOT / "deploy/prometheus/tests").glob("*.yml")]
    cases = [case for file in files for test in file["tests"] for case in test.get("alert_rule_test", ())]
    assert alerts == {case["alertname"] for case in cases if case["exp_alerts"]}


def test_grafana_reads_this_prometheus_and_these_dashboards():
    (source,) = load(PROVISIONING / "datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090" and "prometheus" in COMPOSE
    assert source["jsonData"]["timeInterval"] == CONFIG["global"]["scrape_interval"]
    (provider,) = load(PROVISIONING / "dashboards/quadrille.yml")["providers"]
    volumes = COMPOSE["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in volumes
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in volumes
