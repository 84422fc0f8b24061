"""Alert rules and dashboard: expressions that Prometheus reads, over figures that `soniquebay metrics` serves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from soniquebay_pipeline_tests.cli.test_help import COMMANDS
from soniquebay_pipeline_tests.command_line import soniquebay
from soniquebay_pipeline_tests.docker.deployment_files import DOCKER

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DOCKER / "prometheus" / "rules.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((DOCKER / "grafana" / "dashboards" / "soniquebay.json").read_text("utf-8"))
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_prometheus_can_read_the_expression(expression: str) -> None:
    assert promql_parser.parse(expression) is not None


def test_what_no_prometheus_reads_is_noticed() -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        promql_parser.parse("sum by (provider) (rate(soniquebay_web_questions_total[5m])")


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smhd]", rule["for"])
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "action"}
        for word in re.findall(r"`soniquebay ([a-z]+)`", rule["annotations"]["action"]):
            assert (word,) in COMMANDS


def test_every_figure_that_is_asked_for_is_served(tmp_path: Path, database: str) -> None:
    settings = {"home": tmp_path / "home", "database_url": database}
    assert soniquebay("db", "migrate", "--with-dagster", settings=settings).code == 0
    printed = soniquebay("metrics", "--once", settings=settings).stdout
    served = dict(re.findall(r"^# TYPE (soniquebay_\w+) (\w+)$", printed, re.M))
    parts = {name + part for name, kind in served.items() if kind == "histogram" for part in ("_bucket", "_sum")}
    used = {name for expression in EXPRESSIONS for name in re.findall(r"soniquebay_\w+", expression)}
    assert used <= set(served) | parts


def test_panels_have_titles_places_and_the_provisioned_source() -> None:
    sources = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    known = {source["uid"] for source in sources["datasources"]}
    places = set()
    for panel in DASHBOARD["panels"]:
        assert panel["title"] and panel["datasource"]["uid"] in known
        assert {target["datasource"]["uid"] for target in panel["targets"]} <= known
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & places, panel["title"]
        places |= cells


def test_the_files_refer_to_each_other() -> None:
    config = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert [(DOCKER / "prometheus" / name).is_file() for name in config["rule_files"]] == [True]
    compose = yaml.safe_load((DOCKER / "compose.observability.yaml").read_text("utf-8"))["services"]
    [job] = config["scrape_configs"]
    assert [target.split(":")[0] for each in job["static_configs"] for target in each["targets"]] == ["metrics"]
    [source] = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090" and {"prometheus", "metrics"} <= set(compose)
    [provider] = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/soniquebay.yaml").read_text("utf-8"))[
        "providers"
    ]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in compose["grafana"]["volumes"]
