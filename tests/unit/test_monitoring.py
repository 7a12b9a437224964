"""The dashboard, the alerts and the documents speak of series that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bun_sandbox_kernel import metrics
from tests.unit.test_metric_families import measured

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docs/monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana-dashboard.json").read_text("utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
NAME = re.compile(r"\bbun_sandbox_[a-z_]*[a-z]\b")


def of_the_engine() -> set[str]:
    families = text_string_to_metric_families(metrics.text([measured("a")]))
    return {sample.name for family in families for sample in family.samples}


def of_a_supervisor() -> set[str]:
    """Return the series that are made in metrics.ts; a histogram is three of them."""
    source = (ROOT / "docker/src/supervisor/metrics.ts").read_text("utf-8")
    made = re.findall(r'new (Counter|Gauge|Histogram)\(\{?\s*(?:\.\.\.)?described\("(\w+)"', source)
    assert len(made) == source.count('described("')
    return {
        f"bun_sandbox_{name}{end}"
        for kind, name in made
        for end in (("_bucket", "_sum", "_count") if kind == "Histogram" else ("",))
    }


def targets() -> Iterator[dict[str, Any]]:
    for panel in DASHBOARD["panels"]:
        yield from panel.get("targets", [])


EXPRESSIONS = [target["expr"] for target in targets()] + [rule["expr"] for rule in RULES]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_about_series_that_are_served(expression: str) -> None:
    named = set(NAME.findall(expression))
    assert named
    assert named <= of_the_engine() | of_a_supervisor()


def test_no_series_comes_from_two_sources() -> None:
    assert not of_the_engine() & of_a_supervisor()


@pytest.mark.parametrize(("page", "served"), [("monitoring.md", of_the_engine), ("http-api.md", of_a_supervisor)])
def test_every_series_is_documented_where_it_is_served(page: str, served: Callable[[], set[str]]) -> None:
    written = set(NAME.findall((ROOT / "docs" / page).read_text("utf-8")))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in served()} == written


def test_every_alert_is_documented() -> None:
    page = (ROOT / "docs/monitoring.md").read_text("utf-8")
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in page] == []


def test_the_dashboard_can_be_imported_whatever_the_data_source_is_called() -> None:
    assert DASHBOARD["id"] is None  # or it would be another dashboard's
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 39
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    chosen = {"type": "prometheus", "uid": f"${{{variable['name']}}}"}
    assert all(target["datasource"] == chosen for target in targets())
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_no_panel_covers_another() -> None:
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert all(x < 24 for x, _ in places)
