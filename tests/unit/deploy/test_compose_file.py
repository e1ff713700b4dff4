"""docker-compose.yml holds the promises that docs/operations.md makes of it."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = FILE["services"]
OWN = {name for name, service in SERVICES.items() if "build" in service}
PUBLISHED = {"gateway", "prometheus", "grafana"}

every_service = pytest.mark.parametrize("name", SERVICES)


@every_service
def test_it_runs_without_privileges(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "pid", "ipc", "network_mode", "devices"} & set(service)
    assert int(service["user"].partition(":")[0]) > 0


@every_service
def test_it_can_write_only_to_tmp_and_to_named_volumes(name):
    service = SERVICES[name]
    assert service["tmpfs"] == ["/tmp"]
    for source, *_, mode in (split(volume) for volume in service.get("volumes", [])):
        assert source in FILE["volumes"] or mode == "ro"


@every_service
def test_ports_are_published_on_loopback_or_not_at_all(name):
    ports = SERVICES[name].get("ports", [])
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{QUADRILLE_\w+_PORT:-\d+\}:\d+", port) for port in ports)
    assert bool(ports) == (name in PUBLISHED)


@every_service
def test_its_health_is_watched_and_it_is_restarted(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD" and "start_period" in service["healthcheck"]
    if name in OWN:
        assert service["healthcheck"]["test"][1:4] == ["python", "-m", "serving.probe"]


@pytest.mark.parametrize("name", set(SERVICES) - OWN)
def test_foreign_images_have_exact_versions(name):
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_nothing_waits_for_less_than_health():
    waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).values()]
    assert len(waits) == 4 and all(wait == {"condition": "service_healthy"} for wait in waits)


def test_services_behind_the_door_have_an_internal_network_only():
    assert FILE["networks"]["internal"] == {"internal": True}
    behind = OWN - {"gateway"}
    assert all(SERVICES[name]["networks"] == ["internal"] for name in behind)
    assert "internal" not in SERVICES["grafana"]["networks"]


def test_no_secret_stands_in_it():
    named = {
        key: value for service in SERVICES.values() for key, value in service.get("environment", {}).items()
    }
    assert not [key for key in named if re.search(r"PASSWORD|SECRET|TOKEN|(?<!TOKENIZERS)API_KEY$", key)]
    assert named["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert named["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_metrics_and_gpu_are_asked_for():
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"textgen-vllm": ["gpu"], "prometheus": ["metrics"], "grafana": ["metrics"]}


def test_textgen_can_build_its_kernels_and_keep_them():
    service = SERVICES["textgen"]
    assert service["build"]["args"]["SYSTEM"] == "${QUADRILLE_TEXTGEN_SYSTEM-g++}"
    assert ["kernels", service["environment"]["XDG_CACHE_HOME"], "rw"] in map(split, service["volumes"])


def test_the_gpu_is_reserved():
    service = SERVICES["textgen-vllm"]
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
    assert "shm_size" in service


def split(volume):
    """Source, target and mode; a default inside ${…:-…} is the source."""
    parts = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")
    return parts if len(parts) == 3 else [*parts, "rw"]
