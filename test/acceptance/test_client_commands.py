"""publish, pull, query, check, drain, env, health against a running instance, and the life of the process."""
import base64
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests

from instance import BINARY, Instance, clean_environment, run_afluente, wait_until
from pipeline import PROJECT, event, message, publish


def lines(count, start=0):
    return "".join(event(id=k) + "\n" for k in range(start, start + count))


# publish and pull.

def test_publish_sends_each_line_of_stdin_verbatim(launch):
    instance = launch()
    text = '{"id": 1,  "name": "spaces  kept"}\n{"id": 2, "name": "ñ"}\n'
    instance.run("publish", "Data", "--attribute", "a=1", "--attribute", "b=x=y", stdin=text)
    printed = [json.loads(line) for line in instance.run("pull", "all", "--json", "--ack").stdout.splitlines()]
    assert len(printed) == 2
    answer = [p.get("message", p) for p in printed]
    assert sorted(base64.b64decode(m["data"]).decode() for m in answer) == sorted(text.splitlines())
    assert all(m["attributes"] == {"a": "1", "b": "x=y"} for m in answer)
    assert instance.run("pull", "all", "--json").stdout == "", "acknowledged, so not there again"


def test_pull_without_ack_leaves_the_messages(launch):
    instance = launch()
    instance.run("publish", "Data", stdin=lines(3))
    assert len(instance.run("pull", "all", "--limit", "2").stdout.splitlines()) == 2
    instance.restart()  # ends the leases
    printed = instance.run("pull", "all", "--json").stdout.splitlines()
    assert len(printed) == 3


def test_publish_accepts_full_and_short_names_and_an_ordering_key(launch):
    instance = launch()
    for topic in ("Data", "topics/Data", f"projects/{PROJECT}/topics/Data"):
        instance.run("publish", topic, "--ordering-key", "k", stdin='{"id": 1}\n')
    received = instance.rest("POST", f"projects/{PROJECT}/subscriptions/all:pull", {"maxMessages": 10}).json()
    keys = [r["message"].get("orderingKey") for r in received["receivedMessages"]]
    assert keys == ["k"] * 3


def test_publish_json_reports_the_count(launch):
    instance = launch()
    answer = json.loads(instance.run("publish", "Data", "--json", stdin=lines(250)).stdout)
    assert 250 in answer.values(), answer
    assert instance.outcome("store") == (250, 250, 0, 0)


def test_publish_reads_ndjson_and_csv_files(launch, tmp_path):
    instance = launch()
    (tmp_path / "a.ndjson").write_text(lines(1500), encoding="utf-8")
    (tmp_path / "b.csv").write_text('id,name,amount\n2000,"comma, ""quoted"" and\nnewline",1.5\n2001,,\n', encoding="utf-8")
    instance.run("publish", "Data", "--file", tmp_path / "a.ndjson")
    instance.run("publish", "Data", "--file", tmp_path / "b.csv")
    assert instance.outcome("store") == (1502, 1502, 0, 0), instance.dead_letters()
    rows = instance.query("SELECT id, name, amount FROM ds.events WHERE id >= 2000 ORDER BY id")
    assert rows == [{"id": 2000, "name": 'comma, "quoted" and\nnewline', "amount": "1.5"},
                    {"id": 2001, "name": None, "amount": None}]


def test_publish_shows_plain_progress_off_a_terminal(launch, tmp_path):
    instance = launch()
    (tmp_path / "a.ndjson").write_text(lines(30_000), encoding="utf-8")
    result = instance.run("publish", "Data", "--file", tmp_path / "a.ndjson")
    assert "\r" not in result.stderr + result.stdout and "\x1b" not in result.stderr + result.stdout
    assert instance.outcome("store") == (30_000, 30_000, 0, 0)


@pytest.mark.parametrize("name, content, said", [
    ("absent.csv", None, "absent.csv"), ("short.csv", "id,name\n1,a\n2\n", ":3"),
    ("open.csv", 'id,name\n1,"open\n', ""), ("twice.csv", "id,id\n1,2\n", "id"), ("data.xyz", "x\n", "xyz")])
def test_publish_refuses_a_file_it_cannot_read_with_its_place(launch, tmp_path, name, content, said):
    instance = launch()
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    result = instance.run("publish", "Data", "--file", tmp_path / name, code=None)
    assert result.returncode in (1, 2) and said in result.stderr, (result.returncode, result.stderr)
    assert instance.running()


def test_publish_to_a_missing_topic_and_pull_of_a_missing_subscription_fail_by_name(launch):
    instance = launch()
    assert "absent" in instance.run("publish", "absent", stdin="x\n", code=1).stderr
    assert "absent" in instance.run("pull", "absent", code=1).stderr


def test_publish_refuses_a_malformed_attribute(launch):
    assert "nonsense" in launch().run("publish", "Data", "--attribute", "nonsense", stdin="x\n", code=2).stderr


# query.

def test_query_binds_parameters_of_every_type(launch):
    instance = launch()
    cases = {"INT64": ("-5", -5), "FLOAT64": ("0.25", 0.25), "NUMERIC": ("1.10", "1.1"), "BOOL": ("true", True),
             "STRING": ("a:b:c' OR 1=1", "a:b:c' OR 1=1"), "BYTES": ("AP8=", "AP8="),
             "DATE": ("2026-02-28", "2026-02-28"), "DATETIME": ("2026-02-28T01:02:03", "2026-02-28T01:02:03"),
             "TIME": ("01:02:03", "01:02:03"), "TIMESTAMP": ("2026-02-28T01:02:03Z", "2026-02-28T01:02:03Z")}
    for kind, (text, expected) in cases.items():
        assert instance.value("SELECT @p AS p", f"p:{kind}:{text}") == expected, kind
    rows = instance.query("SELECT @a + @b AS total, @s AS s", "a:INT64:1", "b:INT64:2", "s:STRING:")
    assert rows == [{"total": 3, "s": ""}]


def test_query_computes(launch):
    instance = launch()
    publish(instance, [event(id=k, name="even" if k % 2 == 0 else "odd", amount=str(k)) for k in range(10)])
    instance.drain()
    assert instance.query("SELECT name, COUNT(*) AS n, SUM(amount) AS total FROM ds.events GROUP BY name ORDER BY name") \
        == [{"name": "even", "n": 5, "total": "20"}, {"name": "odd", "n": 5, "total": "25"}]
    assert instance.query("SELECT id FROM `test-project.ds.events` WHERE id < 3 ORDER BY id DESC") == [
        {"id": 2}, {"id": 1}, {"id": 0}]
    assert instance.query("SELECT id FROM ds.events WHERE FALSE") == []
    assert len(instance.query("SELECT id FROM ds.events")) == 10
    limited = json.loads(instance.run("query", "SELECT id FROM ds.events", "--limit", "4", "--json").stdout)
    assert len(limited["rows"]) == 4
    table = instance.run("query", "SELECT id, name FROM ds.events ORDER BY id LIMIT 2").stdout
    assert "name" in table.splitlines()[0] and "even" in table and "odd" in table


@pytest.mark.parametrize("sql, place, said", [
    ("SELECT\n  nope FROM ds.events", "2:3", "nope"), ("SELECT id FROM ds.absent", "1:16", "absent"),
    ("SELECT id,, name FROM ds.events", "1:11", ""), ("SELEC 1", "1:1", ""), ("SELECT 'open", "1:8", ""),
    ("SELECT (1", "1:10", ""), ("SELECT NO_SUCH(1) AS x", "1:8", "NO_SUCH"), ("SELECT @p AS p", "1:8", "p"),
    ("", "1:1", "")])
def test_a_wrong_query_exits_1_with_line_and_column(launch, sql, place, said):
    result = launch().run("query", sql, "--json", code=1)
    assert f"[{place}]" in result.stderr and said.lower() in result.stderr.lower(), result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("parameter", ["p", "p:INT64", "p:INT46:1", "p:INT64:x", ":INT64:1", "p:DATE:2026-02-30"])
def test_a_wrong_parameter_is_refused_by_name(launch, parameter):
    result = launch().run("query", "SELECT @p AS p", "--param", parameter, code=None)
    assert result.returncode in (1, 2) and result.stdout == "" and result.stderr.strip()
    if parameter.startswith("p:"):
        assert re.search(r"\bp\b|INT46", result.stderr), result.stderr


# check, drain, env, health.

def test_check_prints_the_balance_in_the_documented_form(launch):
    instance = launch()
    publish(instance, [event(id=1), "poison"])
    instance.drain()
    answer = instance.check()
    assert answer["balanced"] is True
    [line] = answer["functions"]
    assert {k: line[k] for k in ("name", "published", "stored", "dropped", "dead_lettered", "pending", "balanced",
                                 "rows")} == {"name": "store", "published": 2, "stored": 1, "dropped": 0,
                                              "dead_lettered": 1, "pending": 0, "balanced": True, "rows": 1}
    text = instance.run("check").stdout
    assert "store" in text and "published" in text and "dead" in text


def test_check_counts_rows_and_outcomes_exactly_as_they_grow(launch):
    instance = launch()
    good = poison = 0
    for step in ((1, 0), (0, 1), (5, 2), (300, 0), (0, 300), (1000, 0), (1, 1)):
        publish(instance, [event(id=1)] * step[0] + ["poison"] * step[1])
        good, poison = good + step[0], poison + step[1]
        assert instance.outcome("store") == (good + poison, good, 0, poison)
        assert instance.balance("store")["rows"] == good


def test_check_offline_balances_what_a_killed_process_left(launch):
    instance = launch()
    for begin in range(0, 3000, 1000):
        publish(instance, [event(id=k) if k % 3 else "poison" for k in range(begin, begin + 1000)])
    instance.kill()
    offline = json.loads(instance.run("check", "--json", "--spec", instance.spec, cwd=instance.directory).stdout)
    assert offline["balanced"] is True
    [line] = offline["functions"]
    assert line["published"] == 3000
    assert line["stored"] + line["dropped"] + line["dead_lettered"] + line["pending"] == 3000
    instance.start()
    assert instance.outcome("store") == (3000, 2000, 0, 1000)
    instance.terminate()
    offline = json.loads(instance.run("check", "--json", "--spec", instance.spec, cwd=instance.directory).stdout)
    assert offline["functions"][0]["stored"] == 2000 and offline["functions"][0]["pending"] == 0


def test_query_offline_opens_the_data_directory(launch):
    instance = launch()
    publish(instance, [event(id=k) for k in range(5)])
    instance.drain()
    instance.terminate()
    result = run_afluente("query", "SELECT COUNT(*) AS n FROM ds.events", "--json", "--data-dir", instance.data_dir,
                          cwd=instance.directory)
    assert json.loads(result.stdout) == {"rows": [{"n": 5}]}


def test_a_row_removed_by_a_statement_stays_accounted_for(launch):
    """The balance is counted from the table, so what DML removes must be counted too."""
    instance = launch()
    publish(instance, [event(id=k) for k in range(10)])
    instance.drain()
    instance.run("query", "DELETE FROM ds.events WHERE id = 3")
    # A row removed by DML is counted as `removed` and stays in `stored`.
    assert instance.outcome("store") == (10, 10, 0, 0)


def test_env_is_usable_by_eval_and_health_by_probes(launch):
    instance = launch()
    shell = subprocess.run(["sh", "-euc", 'eval "$("$0" env --data-dir "$1")"; env', BINARY, str(instance.data_dir)],
                           capture_output=True, text=True, timeout=30, env=clean_environment(), check=True)
    variables = dict(line.partition("=")[::2] for line in shell.stdout.splitlines())
    assert variables["PUBSUB_EMULATOR_HOST"] == instance.doors["pubsub"]
    assert variables["PUBSUB_PROJECT_ID"] == PROJECT and variables["GOOGLE_CLOUD_PROJECT"] == PROJECT
    instance.run("health")
    instance.kill()
    instance.run("health", code=1)


def test_drain_gives_up_in_time_and_says_what_is_pending(launch):
    instance = launch()
    instance.run("drain", "--timeout", "5")  # nothing is pending


# The process.

def test_the_ready_file_lists_the_doors_and_goes_with_the_process(launch, tmp_path):
    extra = tmp_path / "ready-elsewhere.json"
    instance = launch(flags=("--ready-file", str(extra)))
    assert json.loads(extra.read_text()) == instance.doors
    assert set(instance.doors) >= {"pid", "api", "pubsub", "admin"}
    for door in ("api", "admin"):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", instance.doors[door])
        assert instance.doors[door] in instance.stdout
    assert re.fullmatch(r"127\.0\.0\.1:\d+", instance.doors["pubsub"]) and instance.doors["pubsub"] in instance.stdout
    run_afluente("check", "--ready-file", extra, cwd=tmp_path)
    instance.terminate()
    assert not extra.exists() and not (instance.data_dir / "ready.json").exists()


def test_stale_ready_files_of_a_killed_process_mislead_nobody(launch):
    instance = launch()
    instance.kill()
    assert (instance.data_dir / "ready.json").exists()
    assert "no running instance" in instance.run("env", code=1).stderr
    instance.start()
    instance.run("env")


def test_a_second_process_on_one_data_directory_is_refused_by_the_holders_pid(launch):
    instance = launch()
    result = run_afluente("up", instance.spec, "--data-dir", instance.data_dir, "--ephemeral-ports", code=1, timeout=15)
    assert str(instance.process.pid) in result.stderr and result.stdout == ""
    assert instance.running() and instance.get("/health").status_code == 200
    assert json.loads((instance.data_dir / "ready.json").read_text())["pid"] == instance.process.pid


def test_a_port_that_is_taken_is_named(launch, tmp_path):
    first = launch()
    second = Instance(tmp_path / "second", first.spec.read_text(), {
        f"queries/{q}.sql": (first.directory / f"queries/{q}.sql").read_text() for q in ("event", "count")})
    try:
        taken = first.doors["api"].removeprefix("http://")
        result = run_afluente("up", second.spec, "--data-dir", second.data_dir, "--api-listen", taken,
                              "--pubsub-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", code=1, timeout=15)
        assert taken.rsplit(":", 1)[1] in result.stderr
        assert not (second.data_dir / "ready.json").exists()
    finally:
        Instance.alive.remove(second)


def test_options_come_from_the_environment_and_flags_win(launch, tmp_path):
    instance = launch()
    environment = {"AFLUENTE_DATA_DIR": str(instance.data_dir)}
    run_afluente("health", environment=environment, cwd=tmp_path)
    run_afluente("health", "--data-dir", tmp_path / "nothing", environment=environment, cwd=tmp_path, code=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_process_stops_cleanly(launch, number):
    instance = launch()
    instance.process.send_signal(number)
    assert instance.process.wait(timeout=30) == 0


def test_sigterm_during_load_exits_0_within_ten_seconds_and_loses_nothing_acknowledged(launch):
    instance = launch()
    answered, lock, stop = {}, threading.Lock(), threading.Event()

    def work(number):
        k = 0
        with requests.Session() as session:
            while not stop.is_set():
                batch = [number * 1_000_000 + k + i for i in range(20)]
                k += 20
                try:
                    reply = session.post(
                        f"http://{instance.doors['pubsub']}/v1/projects/{PROJECT}/topics/Data:publish",
                        json={"messages": [message(event(id=i)) for i in batch]}, timeout=10)
                except requests.RequestException:
                    continue
                if reply.status_code == 200:
                    with lock:
                        answered.update(zip(reply.json()["messageIds"], batch))

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) > 500, what="500 answered messages")
    instance.terminate()
    stop.set()
    for thread in threads:
        thread.join(timeout=20)
    instance.start()
    instance.drain()
    stored = {r["m"]: r["id"] for r in instance.query("SELECT _message_id AS m, id FROM ds.events")}
    assert {m: i for m, i in answered.items() if stored.get(m) != i} == {}
    published, kept, dropped, dead = instance.outcome("store")
    assert (dropped, dead) == (0, 0) and published == kept == len(stored)
    ids = instance.value("SELECT COUNT(*) AS n FROM ds.events")
    assert ids == len(stored), "a message id is stored twice"


def test_sigterm_with_open_streams_and_idle_connections_is_not_held_up(launch):
    instance = launch()
    connections = []
    for door in ("api", "admin", "pubsub"):
        host, port = instance.doors[door].removeprefix("http://").rsplit(":", 1)
        for text in (b"", b"GET /health HTTP/1.1\r\nHost: ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            connection = socket.create_connection((host, int(port)), timeout=5)
            connection.sendall(text)
            connections.append(connection)
    waiting = threading.Thread(target=lambda: run_afluente("pull", "all", "--data-dir", instance.data_dir, code=None),
                               daemon=True)
    waiting.start()
    time.sleep(0.3)
    assert instance.terminate() < 10
    for connection in connections:
        connection.close()
    waiting.join(timeout=20)


def test_logs_are_json_lines_on_stderr_and_stdout_has_the_ready_line_alone(launch):
    instance = launch()
    publish(instance, ["poison"])
    instance.drain()
    instance.process.send_signal(signal.SIGTERM)
    instance.process.wait(timeout=10)
    os.set_blocking(instance.process.stdout.fileno(), True)
    assert instance.process.stdout.read() == b""
    for line in instance.log_path.read_text().splitlines():
        entry = json.loads(line)
        assert entry["severity"] in ("DEBUG", "INFO", "WARNING", "ERROR") and entry["message"] and entry["time"]
