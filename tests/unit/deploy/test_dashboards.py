"""What dashboards, recording rules and alerts ask for is what the services export, label by label."""

import json
import re
from pathlib import Path

import pytest
import yaml
from gateway.admission.metrics import AdmissionMetrics
from gateway.metrics import GatewayMetrics
from imagegen.metrics import ImagegenMetrics
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from retrieval.domain import Effort, IndexKind
from retrieval.metrics import StoreMetrics
from retrieval.reports import IndexTotals, Stats, Totals
from serving.metrics import RpcMetrics
from textgen.metrics import TextMetrics

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
BOARDS = {path.stem: json.loads(path.read_text()) for path in (DEPLOY / "grafana/dashboards").glob("*.json")}
RULES = [
    rule
    for path in sorted((DEPLOY / "prometheus/rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
SCRAPED = {"job", "instance"}  # labels that Prometheus adds
UNITS = {"none", "reqps", "cps", "s", "bytes", "percentunit", "joule"}
SELECTOR = re.compile(r"(?<![\w:.$])(?!(?:and|or|unless)\b)([A-Za-z_:][\w:]*)\b(?!\s*\()\s*(\{[^}]*\})?")


def exported(service):
    """The labels of every sample that a service exports, by the sample's name."""
    registry = CollectorRegistry()
    families = [RpcMetrics(registry)]
    if service == "textgen":
        families.append(text := TextMetrics(registry, has_meter=True))
        text.experts.watch("mixture", lambda: {0: [1]})
    elif service == "imagegen":
        families.append(ImagegenMetrics(registry))
    elif service == "retrieval":
        store = StoreMetrics(registry)
        widths = {(IndexKind.HNSW, Effort.DEFAULT): 40}
        store.watch(lambda: Stats(Totals(0, 0, 0, 0, 0, 0), IndexTotals(walk_widths=widths)))
        families.append(store)
    elif service == "gateway":
        families += [GatewayMetrics(registry), AdmissionMetrics(registry, most_tenants=1)]
    for metric in (value for each in families for value in vars(each).values()):
        if isinstance(metric, MetricWrapperBase) and metric._labelnames:
            metric.labels(*metric._labelnames)  # a metric with labels has no sample before its first child
    samples = [sample for family in registry.collect() for sample in family.samples]
    return {"up": SCRAPED} | {sample.name: {*sample.labels, *SCRAPED} for sample in samples}


def groupings(expr):
    """Each `by (…)` or `on (…)`: the word, its labels, and the part of the expression that it is about."""
    for match in re.finditer(r"\b(by|on)\s*\(([^)]*)\)\s*", expr):
        start = end = match.end()
        while match[1] == "by" and (end == start or expr[start:end].count("(") > expr[start:end].count(")")):
            end += 1
        about = expr[start:end] if match[1] == "by" else expr
        yield match[1], {label.strip() for label in match[2].split(",")}, about


def selectors(expr):
    """Each series that an expression reads: its name, and the labels that it is matched by."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    bare = re.sub(r"\b(by|on)\s*\([^)]*\)|\[[^\]]*\]", " ", bare)
    return [(match[1], set(re.findall(r"(\w+)\s*[=!]", match[2] or ""))) for match in SELECTOR.finditer(bare)]


def left(expr, known):
    """The labels that the result has: those it is grouped by, or those that all that it reads has."""
    by = [labels for word, labels, _ in groupings(expr) if word == "by"]
    return (
        set().union(*by) - {"le"} if by else set.intersection(*(known[name] for name, _ in selectors(expr)))
    )


def check(expr, known):
    """Assert that every series and every label exists."""
    assert selectors(expr)
    for name, matched in selectors(expr):
        assert name in known, f"{name} is not exported"
        assert matched <= known[name], f"{name} has no {matched - known[name]}"
    for _, labels, about in groupings(expr):
        for name, _ in selectors(about):
            assert labels <= known[name], f"{name} has no {labels - known[name]}"
    for about in re.findall(r"histogram_quantile\([\d.]+, (sum by \([^)]*\) \(rate\(\w+)", expr):
        assert "le" in next(groupings(about + "))"))[1] and about.endswith("_bucket")
    assert expr.count("histogram_quantile(") == len(re.findall(r"histogram_quantile\([\d.]+, sum by", expr))


SERVICES = {name: exported(name) for name in ("textgen", "imagegen", "retrieval", "gateway")}
ALL = {name: labels for service in SERVICES.values() for name, labels in service.items()}
RECORDED = {
    rule["record"]: left(rule["expr"], ALL) | set(rule.get("labels", ()))
    for rule in RULES
    if "record" in rule
}
PANELS = [
    pytest.param(service, panel, id=f"{service}-{panel['title']}")
    for service, board in sorted(BOARDS.items())
    for panel in board["panels"]
    if panel["type"] != "row"
]


def test_every_service_has_a_dashboard_and_every_dashboard_a_service():
    folders = {path.parent.name for path in (DEPLOY.parent / "services").glob("*/metrics.py")} - {"serving"}
    assert set(BOARDS) == set(SERVICES) == folders


def test_dashboards_have_uids_of_their_own():
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


@pytest.mark.parametrize("service", BOARDS)
def test_panels_have_ids_of_their_own_and_do_not_overlap(service):
    panels = BOARDS[service]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(set(cells)) == len(cells) and max(x for x, _ in cells) < 24


@pytest.mark.parametrize(("service", "panel"), PANELS)
def test_panels_ask_their_service_for_what_it_exports(service, panel):
    known = SERVICES[service] | RECORDED
    for target in panel["targets"]:
        check(target["expr"], known)
        assert set(re.findall(r'job="(\w+)"', target["expr"])) <= {service}
        legend = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
        assert legend <= left(target["expr"], known)


@pytest.mark.parametrize(("service", "panel"), PANELS)
def test_panels_say_what_they_show_and_where_it_comes_from(service, panel):
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    ids = [target["refId"] for target in panel["targets"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("service", BOARDS)
def test_variables_are_defined_and_ask_for_labels_that_exist(service):
    variables = {item["name"]: item for item in BOARDS[service]["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(BOARDS[service]["panels"]))) - {"__rate_interval"}
    assert used == set(variables)
    for item in variables.values():
        if item["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", item["query"]["query"]).groups()
            assert label in SERVICES[service][metric]


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, id=rule.get("alert") or rule["record"]) for rule in RULES]
)
def test_rules_ask_for_what_is_exported(rule):
    known = ALL | RECORDED
    check(rule["expr"], known)
    if "alert" in rule:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert named <= left(rule["expr"], known)


@pytest.mark.parametrize(
    "expr",
    [
        "sum(rate(quadrille_text_nothing_total[5m]))",
        "sum by (model) (rate(quadrille_image_images_total[5m]))",
        'quadrille_rpc_in_flight{method="x"}',
        "up unless on (model) quadrille_text_requests_running",
        "histogram_quantile(0.5, sum by (model) (rate(quadrille_text_batch_size_bucket[5m])))",
        "histogram_quantile(0.5, rate(quadrille_text_batch_size_bucket[5m]))",
    ],
)
def test_what_does_not_exist_is_found(expr):
    with pytest.raises(AssertionError):
        check(expr, ALL)
