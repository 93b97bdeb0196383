"""What operators see without a browser: doctor, top, metrics, dashboards, alerts and their runbooks."""
import json
import pathlib
import re
import shutil
import socket
import subprocess

import pytest
from instance import ROOT, run_afluente, wait_until, write_pipeline
from pipeline import EVENTS, EVENTS_FILES

GRAFANA = ROOT / "deploy/grafana"
PORTS = ["--api-listen", "127.0.0.1:0", "--pubsub-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]


def verdicts(result):
    answer = json.loads(result.stdout)
    return answer["healthy"], {each["check"]: each for each in answer["checks"]}


def doctor(spec, data_dir, code, *flags):
    return verdicts(run_afluente("doctor", spec, "--data-dir", data_dir, *PORTS, "--json", *flags, code=code))


def test_doctor_finds_a_good_machine_good(tmp_path):
    spec = write_pipeline(tmp_path, EVENTS, EVENTS_FILES)
    healthy, checks = doctor(spec, tmp_path / "data", 0)
    assert healthy
    assert set(checks) == {"specification", "ports", "data directory", "disk space", "disk sync", "clock", "limits", "identity"}
    assert "syncs" in checks["disk sync"]["detail"] and not list(tmp_path.glob(".afluente-doctor*"))
    text = run_afluente("doctor", spec, "--data-dir", tmp_path / "data", *PORTS).stdout
    assert len(text.splitlines()) == 8 and not (tmp_path / "data").exists()


def test_doctor_names_what_is_wrong(tmp_path):
    spec = write_pipeline(tmp_path, EVENTS.replace("topics:", "topcs:", 1), EVENTS_FILES)
    blocker = tmp_path / "file"
    blocker.write_text("not a directory")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        healthy, checks = verdicts(run_afluente(
            "doctor", spec, "--data-dir", blocker, "--api-listen", f"127.0.0.1:{port}", "--pubsub-listen", "127.0.0.1:0",
            "--admin-listen", "127.0.0.1:0", "--json", code=1))
    assert not healthy
    assert checks["specification"]["verdict"] == "failed" and "topcs" in checks["specification"]["detail"]
    assert checks["ports"]["verdict"] == "failed" and str(port) in checks["ports"]["detail"]
    assert checks["data directory"]["verdict"] == "failed"


def test_doctor_knows_a_running_instance_and_a_damaged_directory(launch):
    instance = launch()
    _, checks = doctor(instance.spec, instance.data_dir, 0)
    assert str(instance.process.pid) in checks["data directory"]["detail"]
    instance.terminate()
    assert doctor(instance.spec, instance.data_dir, 0)[0]
    (instance.data_dir / "warehouse/warehouse.duckdb").write_bytes(b"x" * 8192)
    assert doctor(instance.spec, instance.data_dir, 1)[1]["data directory"]["verdict"] == "failed"


def test_top_prints_the_pipeline_once(launch):
    instance = launch()
    assert instance.rest("POST", "projects/test-project/topics/Data:publish", {"messages": [{"data": "e30="}]}).status_code == 200
    text = wait_until(lambda: (out := instance.run("top", "--once").stdout) and "FUNCTION" in out and "cpu" in out and out, 60, "top")
    for part in ("TOPIC", "FUNCTION", "ENDPOINT", "Data"):
        assert part in text
    instance.terminate()
    assert instance.run("top", "--once", code=1).stderr.startswith("afluente: no running instance")


def metric_names():
    text = (ROOT / "src/telemetry/metric_names.h").read_text(encoding="utf-8")
    return set(re.findall(r'"([a-z0-9_]+)"', text))


def expressions():
    found = []
    board = json.loads((GRAFANA / "afluente.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        found += [target["expr"] for target in panel.get("targets", [])]
    assert len(found) > 15
    alerts = (GRAFANA / "alerts.yaml").read_text(encoding="utf-8")
    found += re.findall(r"expr: (?!\|)(.*)", alerts) + re.findall(r"expr: \|\n((?: {10,}.*\n)+)", alerts)
    return found


def test_dashboards_and_alerts_name_metrics_that_exist():
    known = metric_names() | {"up"}
    assert len(known) > 25
    for expression in expressions():
        names = re.findall(r"\b((?:afluente|pubsub|process)_[a-z0-9_]+|up(?=\{))", expression)
        assert names, expression
        for name in names:
            assert name in known or re.sub("_(bucket|sum|count)$", "", name) in known, name


def test_the_dashboard_is_what_its_script_prints():
    made = subprocess.run([GRAFANA / "dashboard"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert (GRAFANA / "afluente.json").read_text(encoding="utf-8") == made


def test_each_alert_has_its_runbook_and_each_runbook_its_alert():
    alerts = (GRAFANA / "alerts.yaml").read_text(encoding="utf-8")
    names, books = re.findall(r"alert: (\w+)", alerts), re.findall(r"runbook: (\S+)", alerts)
    assert len(names) == len(books) == len(set(books)) >= 8
    for book in books:
        assert len((ROOT / book).read_text(encoding="utf-8")) > 200, book
    assert {pathlib.Path(book).name for book in books} == {page.name for page in (ROOT / "docs/operating").glob("*.md")}


def promtool(*command, **options):
    tool = shutil.which("promtool")
    if tool is None:
        pytest.fail("promtool is missing: tools/bootstrap test installs it")
    return subprocess.run([tool, *command], capture_output=True, text=True, timeout=60, check=False, **options)


def test_promtool_takes_the_alert_rules():
    result = promtool("check", "rules", str(GRAFANA / "alerts.yaml"))
    assert result.returncode == 0, result.stdout + result.stderr


def test_promtool_takes_the_metrics(launch):
    instance = launch()
    wait_until(lambda: "afluente_disk_free_bytes" in instance.admin("/metrics").text, 60, "a reading")
    page = instance.admin("/metrics").text
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
                 "afluente_function_oldest_pending_seconds", "afluente_journal_sync_seconds_bucket"):
        assert f"\n{name}" in page, name
    result = promtool("check", "metrics", input=page)
    # Google's own names end in _count and hold no unit, which promtool would name otherwise.
    complaints = [line for line in (result.stdout + result.stderr).splitlines() if "pubsub_googleapis_com_" not in line]
    assert result.returncode in (0, 3) and complaints == [], complaints
