"""Grafana's alerts and figures beside Cloud Monitoring's: each has its counterpart, or a reason why there can be none."""
import json
import re

import yaml
from images import ROOT

# Grafana's alert -> Cloud Monitoring's, or why not.
ALERTS = {
    "AfluenteDown": "api_errors",  # Cloud Run answers 5xx for a service that does not
    "AfluenteDeadLetters": "dead_letters",
    "AfluenteFunctionBehind": "backlog_age",
    "AfluenteFunctionFails": "function_errors",
    "AfluenteSubscriptionStuck": "subscription_stuck",
    "AfluenteApiErrors": "api_errors",
    "AfluenteApiSlow": "api_latency",
    "AfluenteSilent": "messages_absent",
    "AfluenteDiskFillsUp": None,  # the journal and the tables are Google's
    "AfluenteSlowSync": None,  # likewise
}
ONLY_ON_GOOGLE_CLOUD = {"bigquery_bytes"}  # each query costs there

# Grafana's panel -> Cloud Monitoring's figure.
FIGURES = {
    "Messages published": "messages", "Subscriptions: oldest message": "subscription_age", "Outcomes": "function_errors",
    "Dead letters": "dead_letters", "Age of the oldest pending message": "backlog_age", "Commit latency, p99": "function_latency",
    "Requests": "api_requests", "Errors": "api_errors", "Latency, p99": "api_latency", "CPU": "instances",
    # Of the embedded engines, or drawn by Google's own console beside the rest.
    "Bytes published": None, "Request latency, p99": None, "Refused requests": None, "Subscriptions: not acknowledged": None,
    "Pending messages": None, "Rows stored": None, "Latency, p50": None, "Memory": None, "Disk": None, "Journal sync, p99": None,
}
FIGURES_ONLY_ON_GOOGLE_CLOUD = {"bigquery_bytes"}


def terraform(block):
    """The names of one map in queries.tf."""
    text = (ROOT / "deploy/terraform/modules/observability/queries.tf").read_text(encoding="utf-8")
    inside = re.search(rf"^  {block} = [{{[]\n(.*?)^  [}}\]]", text, re.M | re.S)[1]
    return inside


def rules():
    return [rule for group in yaml.safe_load((ROOT / "deploy/grafana/alerts.yaml").read_text(encoding="utf-8"))["groups"]
            for rule in group["rules"]]


def test_alerts_are_the_same_on_both():
    cloud = set(re.findall(r"^    (\w+) = \{", terraform("alerts"), re.M))
    assert {rule["alert"] for rule in rules()} == set(ALERTS)
    assert {name for name in ALERTS.values() if name} | ONLY_ON_GOOGLE_CLOUD == cloud


def test_figures_are_the_same_on_both():
    board = json.loads((ROOT / "deploy/grafana/afluente.json").read_text(encoding="utf-8"))
    panels = {panel["title"] for panel in board["panels"] if panel["type"] != "row"}
    drawn = re.findall(r'figure = "(\w+)"', terraform("widgets"))
    assert panels == set(FIGURES)
    assert {name for name in FIGURES.values() if name} | FIGURES_ONLY_ON_GOOGLE_CLOUD == set(drawn)
    assert set(drawn) == set(re.findall(r"^    (\w+)\s+= ", terraform("figures"), re.M))
