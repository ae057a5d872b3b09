"""Alert rules and dashboard: every metric and label in them is one that somebody exports."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker_topology.topology import build
from common.http.catalogue import CATALOGUE
from common.watching import metrics

ROOT = Path(__file__).resolve().parents[3]
GRAFANA = ROOT / "deploy" / "grafana"

# What rabbitmq_prometheus exports; tests/integration/test_metrics.py finds each on a real broker.
RABBITMQ = {
    "rabbitmq_alarms_memory_used_watermark": set(),
    "rabbitmq_alarms_free_disk_space_watermark": set(),
    "rabbitmq_detailed_queue_messages": {"queue", "vhost"},
    "rabbitmq_detailed_queue_messages_ready": {"queue", "vhost"},
    "rabbitmq_detailed_queue_messages_unacked": {"queue", "vhost"},
}
EVERYWHERE = {"job", "instance"}  # labels that Prometheus itself adds
_WORDS = {"by", "on", "and", "or", "unless"}


def exported() -> dict[str, set[str]]:
    """Every sample name of ours and of the broker, with its labels."""
    names: dict[str, set[str]] = {name: set(labels) for name, labels in RABBITMQ.items()}
    names["up"] = set()
    for row in metrics.ROWS:
        if row.kind == "histogram":
            for suffix in ("bucket", "count", "sum"):
                names[f"{row.name}_{suffix}"] = {*row.labels, "le"}
        else:
            names[row.name] = set(row.labels)
    return names


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((GRAFANA / "alerts.yaml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    document = json.loads((GRAFANA / "dashboard.json").read_text())
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression with the name of its rule or panel."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Every metric that an expression reads, with the labels it is selected by."""
    for name, matchers in re.findall(r"([a-z_:]+)\{([^}]*)\}", expression):
        yield name, set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers))
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\b(by|on)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"[a-z_:]+\{[^}]*\}|\[[^]]*\]|\$\w+", "", bare)
    for name in re.findall(r"[a-z_:]+\b(?!\s*\()", bare):
        if name not in _WORDS:
            yield name, set()


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_expression_reads_what_is_exported(where: str, expression: str) -> None:
    names = exported()
    found = list(selectors(expression))
    assert found
    for name, labels in found:
        assert name in names, f"{where}: nobody exports {name}"
        assert labels <= names[name] | EVERYWHERE, f"{where}: {name} has no such label"
    grouped = re.findall(r"\bby\s*\(([^)]*)\)", expression)
    known = set.union(EVERYWHERE, *(names[name] for name, _ in found))
    for group in grouped:
        assert {label.strip() for label in group.split(",")} <= known | {"channel"}, where


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_rule_says_how_bad_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description"}
    assert "recipient" not in rule["annotations"]["summary"]


def test_every_metric_of_ours_is_watched() -> None:
    read = {name for _, expression in expressions() for name, _ in selectors(expression)}
    unseen = [
        row.name
        for row in metrics.ROWS
        if not read & {row.name, f"{row.name}_bucket", f"{row.name}_count"}
    ]
    assert unseen == []


def test_api_alarm_is_about_every_503_of_a_send() -> None:
    [rule] = [rule for rule in rules() if rule["alert"] == "GatewayApiRefuses"]
    pattern = re.search(r'code=~"([^"]+)"', rule["expr"])
    assert pattern is not None
    matched = {code for code in CATALOGUE if re.fullmatch(pattern[1], code)}
    unavailable = {code for code, kind in CATALOGUE.items() if kind.status == 503}
    assert matched == {
        code for code in unavailable if not code.startswith(("dead_letter", "store"))
    }


def test_queue_patterns_match_the_declared_queues() -> None:
    names = {queue.name for queue in build().queues}
    sent_from = {name for name in names if re.fullmatch("[a-z]+[.](high|normal|bulk)", name)}
    assert sent_from == names - {
        name for name in names if re.match("retry|unrouted|journal|cancels|.*dead", name)
    }
    assert "unrouted" in names


def test_every_rule_has_a_test() -> None:
    document = yaml.safe_load((GRAFANA / "alerts_test.yaml").read_text())
    tested = {
        case["alertname"]
        for test in document["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert tested == {rule["alert"] for rule in rules()}


def test_panels_are_where_they_can_be_seen() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another panel"
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))


def test_prometheus_itself_agrees() -> None:
    """Where promtool is installed; the tests above hold the files everywhere."""
    promtool = shutil.which("promtool")
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        if promtool is not None:
            done = subprocess.run(
                [promtool, *command], cwd=GRAFANA, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, done.stdout + done.stderr
