"""What the API's door costs: answers from memory beside FastAPI's lookups, the proxy, idle connections, the tail at 64."""
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from servers import ROOT, WORK, Afluente, Server, fresh_directory, say, wait_for_port

ROWS = 200_000
IDLE = 10_000
ASKED = "/lookup?" + urllib.parse.urlencode({"action_id": "act-00012345", "user_email": "user12345@ltm.example"})
COLUMNS = ("app_id", "app_department", "action_id", "department_id", "user_email")
ROW = ("CONCAT('app-', LPAD(CAST(MOD(n, 1000) AS STRING), 4, '0')) AS app_id, 'sales' AS app_department, "
       "CONCAT('act-', LPAD(CAST(n AS STRING), 8, '0')) AS action_id, 'd' AS department_id, "
       "CONCAT('user', LPAD(CAST(MOD(n, 20000) AS STRING), 5, '0'), '@ltm.example') AS user_email, "
       "TIMESTAMP '2024-01-01 00:00:00+00' AS ts")
SPEC = """\
project: bench
datasets:
  ds:
    tables:
      events:
        schema: [COLUMNS, {name: ts, type: TIMESTAMP}]
        clustering: [action_id]
endpoints:
  /lookup: {sql: lookup.sql, parameters: {action_id: STRING, user_email: STRING}CACHE}
limits: {threads: 2}
""".replace("COLUMNS", ", ".join(f"{{name: {name}, type: STRING}}" for name in COLUMNS))
ACCESS = """\
access: {members: ["domain:ltm.example"]}
"""
# In DuckDB's own words, for the peer's file.
PEER_ROWS = f"""
CREATE TABLE events AS SELECT printf('app-%04d', n % 1000) AS app_id, 'sales' AS app_department,
  printf('act-%08d', n) AS action_id, 'd' AS department_id, printf('user%05d@ltm.example', n % 20000) AS user_email,
  TIMESTAMPTZ '2024-01-01 00:00:00+00' AS ts FROM range({ROWS}) AS numbers(n);
CREATE INDEX by_action ON events (action_id);
"""


def pipeline(name, cache=False, access=False):
    directory = fresh_directory("door-" + name)
    spec = os.path.join(directory, "afluente.yaml")
    with open(spec, "w", encoding="utf-8") as file:
        file.write(SPEC.replace("CACHE", ", cache: 60s" if cache else "") + (ACCESS if access else ""))
    with open(os.path.join(directory, "lookup.sql"), "w", encoding="utf-8") as file:
        file.write("SELECT * FROM ds.events WHERE action_id = @action_id AND user_email = @user_email")
    server = Afluente(spec, "door-data-" + name)
    server.run("query", f"INSERT INTO ds.events SELECT {ROW} FROM UNNEST(GENERATE_ARRAY(0, {ROWS - 1})) AS n")
    return server


def wrk(url, connections, seconds, headers=None):
    fields = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    script = os.path.join(ROOT, "bench/door.lua")
    out = subprocess.run(["wrk", "-t", str(min(connections, 2)), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "20s",
                          "-s", script, *fields, url], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.splitlines()[-1])


def look(url, headers=None):
    """One answer looked at before it is timed; its entity tag."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=60) as answer:
        rows = json.load(answer)["rows"]
        if len(rows) != 1 or rows[0]["action_id"] != "act-00012345":
            sys.exit(f"bench: wrong answer of {url}: {rows}")
        return answer.headers.get("ETag")


class FastApi(Server):
    def __init__(self, python):
        import duckdb
        directory = fresh_directory("door-peer")
        database = os.path.join(directory, "peer.duckdb")
        with duckdb.connect(database) as connection:
            connection.execute(PEER_ROWS)
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self.port = chosen.getsockname()[1]
        super().__init__([python, "-m", "uvicorn", "fastapi_peer:app", "--port", str(self.port), "--workers", "2",
                          "--log-level", "warning"], cwd=os.path.join(ROOT, "bench"),
                         env={**os.environ, "BENCH_DATABASE": database})
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for_port(self.port, self)


def idle_mib(server):
    """How many MiB 10,000 connections add that have asked once and now wait."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * IDLE + 1000), hard))
    host, port = server.doors["api"].removeprefix("http://").rsplit(":", 1)
    before, open_now = server.rss_mib(), []
    try:
        for _ in range(IDLE - 100):
            connection = socket.create_connection((host, int(port)), timeout=60)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            open_now.append(connection)
        for connection in open_now:
            if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
                sys.exit("bench: an idle connection was refused")
        return {"connections": len(open_now), "before_mib": before, "added_mib": server.rss_mib() - before}
    finally:
        for connection in open_now:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def first_answer_ms(spec):
    """From exec to a lookup's answer, with the rows of the runs before."""
    begin = time.monotonic()
    with Afluente(spec, "door-data-plain", keep=True) as server:
        look(server.doors["api"] + ASKED)
        return 1000 * (time.monotonic() - begin)


def measure(rounds, seconds):
    results = {}
    note = lambda name, value: results.setdefault(name, []).append(value)  # noqa: E731
    for number in range(rounds):
        say(f"the API's door, round {number + 1}")
        with FastApi(sys.executable) as peer:
            look(peer.url + ASKED)
            note("FastAPI lookup", wrk(peer.url + ASKED, 64, seconds))
        with pipeline("cached", cache=True) as server:
            url = server.doors["api"] + ASKED
            tag = look(url)
            note("cached", wrk(url, 64, seconds))
            note("304", wrk(url, 64, seconds, {"If-None-Match": tag}))
        with pipeline("plain") as server, pipeline("proxied", access=True) as guarded:
            look(server.doors["api"] + ASKED)
            token = guarded.run("token", "--as", "ana@ltm.example").strip()
            headers = {"Authorization": "Bearer " + token}
            look(guarded.doors["proxy"] + ASKED, headers)
            note("lookup, 64 connections", wrk(server.doors["api"] + ASKED, 64, seconds))
            # In turns: what the proxy costs is a small difference.
            for _ in range(3):
                note("lookup, 1 connection", wrk(server.doors["api"] + ASKED, 1, seconds))
                note("through the proxy, 1 connection", wrk(guarded.doors["proxy"] + ASKED, 1, seconds, headers))
            note("idle", idle_mib(server))
            spec = server.spec
        note("first answer", {"ms": first_answer_ms(spec)})
    return results


def summary(results):
    middle = lambda name, key: statistics.median(run[key] for run in results[name])  # noqa: E731
    fast = middle("FastAPI lookup", "requests_per_s")
    return {
        "fastapi_lookup_rps": fast,
        "cached_ratio": middle("cached", "requests_per_s") / fast,
        "304_ratio": middle("304", "requests_per_s") / fast,
        "lookup_ratio": middle("lookup, 64 connections", "requests_per_s") / fast,
        "p99_over_p50_at_64": middle("lookup, 64 connections", "p99_ms") / middle("lookup, 64 connections", "p50_ms"),
        "proxy_p50_us": 1000 * (middle("through the proxy, 1 connection", "p50_ms") - middle("lookup, 1 connection", "p50_ms")),
        "idle_10k_mib": middle("idle", "added_mib") * IDLE / middle("idle", "connections"),
        "first_answer_ms": middle("first answer", "ms"),
        "failed": sum(run.get("failed", 0) for runs in results.values() for run in runs),
    }


def section(found, _folder):
    from report import number, table

    middle = lambda name, key: statistics.median(run[key] for run in found["runs"][name])  # noqa: E731
    rows = [[name, number(middle(name, "requests_per_s")), f"{middle(name, 'p50_ms'):.2f} / {middle(name, 'p99_ms'):.2f}",
             f"{middle(name, 'requests_per_s') / found['fastapi_lookup_rps']:.1f}x"]
            for name in found["runs"] if name not in ("idle", "first answer")]
    # What was kept before this was measured says nothing of it.
    first = f"a lookup's answer {found['first_answer_ms']:.0f} ms after exec; " if "first_answer_ms" in found else ""
    return ("## The API's door\n\nwrk on the same cores, 64 connections where nothing else is said; FastAPI is two uvicorn workers with the same query on DuckDB in process.\n\n"
            + table(["", "requests/s", "p50 / p99 ms", "FastAPI's lookups"], rows)
            + f"\n\np99 is {found['p99_over_p50_at_64']:.1f} times p50 at 64 connections; the proxy, its signed assertion and its verification take "
            f"{found['proxy_p50_us']:.0f} µs (p50); 10,000 idle connections {found['idle_10k_mib']:.0f} MiB; "
            f"{first}{found['failed']} requests failed.\n")


def part(rounds, seconds):
    """What bench/run calls."""
    def bench_door():
        results = measure(rounds, seconds)
        found = summary(results)
        say(json.dumps(found))
        return {"runs": results, **found}
    return bench_door


if __name__ == "__main__":
    os.makedirs(WORK, exist_ok=True)
    print(json.dumps(summary(measure(int(os.environ.get("BENCH_ROUNDS", "1")), int(os.environ.get("BENCH_SECONDS", "2")))), indent=1))
