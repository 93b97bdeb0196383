"""The function's parts of bench/run: each transform over a backlog, files past the topic, end to end beside the best peer."""
import json
import os
import shutil
import subprocess
import time
import urllib.request

from servers import LOAD, ROOT, WORK, Afluente, Server, fresh_directory, load, nats_server, say

MESSAGES = {"by name": 600_000, "SQL": 600_000, "JavaScript": 300_000, "HTTP": 30_000}
PIPE_ROWS = 300_000
PIPE = os.path.join(WORK, "pipe")

SPEC = """\
project: bench
topics:
  Events: {message_retention_duration: 3600s}
datasets:
  ds:
    tables:
"""
TABLE = """\
      %s:
        schema:
          - {name: app_id, type: STRING}
          - {name: app_department, type: STRING}
          - {name: action_id, type: INT64}
          - {name: department_id, type: STRING}
          - {name: user_email, type: STRING}
"""
SQL = """\
SELECT JSON_VALUE(data, '$.app_id') AS app_id, JSON_VALUE(data, '$.app_department') AS app_department,
  CAST(JSON_VALUE(data, '$.action_id') AS INT64) AS action_id, JSON_VALUE(data, '$.department_id') AS department_id,
  JSON_VALUE(data, '$.user_email') AS user_email
FROM messages
"""
JAVASCRIPT = "function store(message, metadata) { return JSON.parse(message.data); }\n"
TRANSFORMS = {"by name": "", "SQL": "transform: {sql: store.sql}", "JavaScript": "transform: {javascript: store.js}",
              "HTTP": 'transform: {http: "http://URL/", concurrency: 64}'}


def write_spec(name, functions=()):
    """A specification in the work directory; `functions` maps a table to its function's transform."""
    functions = dict(functions)
    directory = os.path.join(WORK, "function-specs")
    os.makedirs(directory, exist_ok=True)
    text = SPEC + "".join(TABLE % table for table in functions or {"none": ""})
    if functions:
        text += "functions:\n" + "".join(f"  {table}: {{topic: Events, table: ds.{table}{', ' + transform if transform else ''}}}\n"
                                         for table, transform in functions.items())
    for file, content in (("store.sql", SQL), ("store.js", JAVASCRIPT), (name + ".yaml", text + "limits: {threads: 2}\n")):
        with open(os.path.join(directory, file), "w", encoding="utf-8") as out:
            out.write(content)
    return os.path.join(directory, name + ".yaml")


def backlog(server):
    with urllib.request.urlopen(server.doors["admin"] + "/v1/backlog", timeout=30) as answer:
        return json.load(answer)["messages"]


def feed(server, count):
    return load("feed", "-server", server.pubsub, "-topic", "projects/bench/topics/Events", "-messages", str(count), "-batch", "1000",
                "-publishers", "2")


def check_rows(server, table, count):
    rows = json.loads(server.run("query", f"SELECT COUNT(*) AS n, COUNT(DISTINCT action_id) AS ids FROM ds.{table}", "--json"))["rows"][0]
    if (rows["n"], rows["ids"]) != (count, count) or not json.loads(server.run("check", "--json"))["balanced"]:
        raise SystemExit(f"bench: {table} stored {rows}, not {count}")


def timed_backlog(name, transform, count):
    """A backlog is there before the function: from where it has decided a twentieth of it to its end."""
    with Afluente(write_spec("empty"), "function") as server:
        feed(server, count)
    with Afluente(write_spec(name, {"store": transform}), "function", keep=True) as server:
        while (first := backlog(server)) > count * 0.95:
            time.sleep(0.002)
        begin, cpu = time.monotonic(), server.cpu_seconds()
        while backlog(server) > 0:
            time.sleep(0.005)
        seconds, cpu = time.monotonic() - begin, server.cpu_seconds() - cpu
        check_rows(server, "store", count)
    return {"rows_per_s": first / seconds, "cpu_us": cpu / first * 1e6, "cores": cpu / seconds}


def transforms(rounds):
    runs = {}
    for number in range(rounds):
        for name, transform in TRANSFORMS.items():
            say(f"function {name}, round {number + 1}")
            with Server([LOAD, "function", "-duration", "60s"], stdout=subprocess.PIPE, text=True) as function:
                transform = transform.replace("URL", function.process.stdout.readline().strip())
                result = timed_backlog(name.replace(" ", "-"), transform, MESSAGES[name])
                runs.setdefault(name, []).append(result)
    shutil.rmtree(os.path.join(WORK, "function"), ignore_errors=True)
    return runs


def small_event(n):
    """As load/function.go has it."""
    return (f'{{"app_id":"app-{n % 1000:04d}","app_department":"dep-{n % 50:02d}","action_id":{n},"department_id":"d-{n % 200:03d}",'
            f'"user_email":"user{n % 20000:05d}@ltm.example"}}')


def files(rounds):
    """The same file through the topic and past it."""
    path = os.path.join(WORK, "events.ndjson")
    count = MESSAGES["by name"]
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(small_event(n) + "\n" for n in range(count))
    runs = {}
    for number in range(rounds):
        for way, command in (("publish --file", ("publish", "Events", "--file", path)), ("backfill", ("backfill", "store", path))):
            say(f"file by {way}, round {number + 1}")
            with Afluente(write_spec("files", {"store": ""}), "function") as server:
                begin = time.monotonic()
                server.run(*command)
                server.run("drain")
                runs.setdefault(way, []).append({"rows_per_s": count / (time.monotonic() - begin)})
                check_rows(server, "store", count)
    os.remove(path)
    return runs


def peer(number):
    """NATS, which syncs nothing by itself here, as its users run it; a Go consumer that appends to DuckDB."""
    directory = fresh_directory("pipe-data")
    stream = f"pipe{number}"
    with nats_server(sync=False) as nats:
        assert nats.process.poll() is None
        fed = load("feed-nats", "-server", "127.0.0.1:14222", "-name", stream, "-messages", str(PIPE_ROWS), "-batch", "1000",
                   "-publishers", "1")
        drained = json.loads(subprocess.run([PIPE, os.path.join(directory, "pipe.duckdb"), "nats://127.0.0.1:14222", stream, "1000",
                                             str(PIPE_ROWS)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                            text=True).stdout)
    shutil.rmtree(directory)
    return {"rows_per_s": drained["rows_per_s"], "fed_per_s": fed["messages_per_s"]}


def end_to_end(rounds):
    """Both drain a backlog of the same small events; ours has synced every publish, the peer none."""
    subprocess.run(["go", "build", "-o", PIPE, "."], cwd=os.path.join(ROOT, "bench/pipe"), check=True)
    runs = {}
    for number in range(rounds):
        say(f"end to end, round {number + 1}")
        runs.setdefault("NATS -> Go -> DuckDB", []).append(peer(number))
        with Afluente(write_spec("empty"), "function") as server:
            fed = feed(server, PIPE_ROWS)["messages_per_s"]
        with Afluente(write_spec("pipe", {"store": ""}), "function", keep=True) as server:
            begin = time.monotonic()
            first = backlog(server)
            while backlog(server) > 0:
                time.sleep(0.002)
            seconds = time.monotonic() - begin
            check_rows(server, "store", PIPE_ROWS)
        runs.setdefault("Afluente", []).append({"rows_per_s": first / seconds, "fed_per_s": fed})
        with Afluente(write_spec("pipe", {"store": ""}), "function") as server:
            begin = time.monotonic()
            feed(server, PIPE_ROWS)
            while backlog(server) > 0:
                time.sleep(0.002)
            runs.setdefault("Afluente, published and stored at once", []).append(
                {"rows_per_s": PIPE_ROWS / (time.monotonic() - begin), "fed_per_s": 0})
    return runs


def half_load(rounds):
    """Freshness where half of what goes through end to end is published, in batches of a hundredth of a second."""
    runs = []
    for number in range(rounds):
        say(f"freshness at half load, round {number + 1}")
        with Afluente("bench/specs/events.yaml", "fresh") as server:
            fresh = ["-server", server.doors["pubsub"], "-topic", "projects/bench/topics/Fresh", "-api", server.doors["api"] + "/seen"]
            begin = time.monotonic()
            most = 200_000
            load("fresh", *fresh, "-batch", "500", "-rate", "10000000", "-duration", "0.02s")
            most /= time.monotonic() - begin
            rate = int(most / 2 / 100) * 100
            runs.append({**load("fresh", *fresh, "-batch", str(min(1000, rate // 100)), "-rate", str(rate), "-duration", "5s"), "most": most})
    return runs


def part(rounds):
    return {"function": lambda: {"transforms": transforms(rounds), "files": files(rounds), "end": end_to_end(rounds),
                                 "half": half_load(rounds)}}


def section(results, _folder):
    from report import median, number, table  # here: it imports this module

    names = list(results["transforms"])
    by_name = median(results["transforms"]["by name"], "rows_per_s")
    rows = [[name, number(median(runs, "rows_per_s")), f"{median(runs, 'rows_per_s') / by_name:.2f}", f"{median(runs, 'cpu_us'):.1f}",
             f"{median(runs, 'cores'):.2f}"] for name, runs in ((name, results["transforms"][name]) for name in names)]
    text = ("## Functions\n\nA backlog of small events (five fields, about 130 bytes) that was retained on disk before the function came; each batch commits "
            "rows, counters and position in one synced transaction. The HTTP function is a Go program on the same two cores.\n\n"
            + table(["transform", "rows/s", "of by name", "CPU µs a row", "cores used"], rows))
    files_of = {way: median(runs, "rows_per_s") for way, runs in results["files"].items()}
    text += (f"\n\nA file of {MESSAGES['by name']:,} NDJSON lines, client included: through the topic (`publish --file`) "
             f"{number(files_of['publish --file'])} rows/s, past it (`backfill`) {number(files_of['backfill'])} rows/s, "
             f"{files_of['backfill'] / files_of['publish --file']:.1f} times as fast.\n")
    best = median(results["end"]["NATS -> Go -> DuckDB"], "rows_per_s")
    rows = [[name, number(median(runs, "rows_per_s")), f"{median(runs, 'rows_per_s') / best:.2f}"] for name, runs in results["end"].items()]
    text += (f"\n### End to end beside the best peer\n\n{PIPE_ROWS:,} small events; the peer is a NATS stream that syncs nothing before its reply and a Go consumer that "
             "appends to DuckDB, a commit for each 1,000 rows. Every publish to Afluente was synced.\n\n"
             + table(["pipeline", "rows/s", "of the peer"], rows) + "\n")
    half = results["half"]
    text += (f"\nFreshness at half load ({number(median(half, 'rate'))} messages/s): p50 {median(half, 'p50_ms'):.1f} ms, p99 {median(half, 'p99_ms'):.1f} ms; "
             f"{sum(run['missing'] for run in half)} messages missing.\n")
    return text
