"""BigQuery's REST API: round trips and inserts of Afluente and of bqemulator, by the same plain HTTP client over a kept connection."""
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

from servers import ROOT, WORK, Afluente, Server, say

LONG = False
PEER = os.path.join(WORK, "bqemulator-venv")
PEER_START = os.path.join(ROOT, "bench/bqemulator_start.py")
EVENTS = """CREATE TABLE ds.many AS SELECT MOD(i, 1000) AS app, CONCAT('user', CAST(MOD(i, 20000) AS STRING)) AS user, i AS n
FROM UNNEST(GENERATE_ARRAY(0, 999999)) AS i"""
AGGREGATE = "SELECT app, COUNT(*) AS n, COUNT(DISTINCT user) AS users FROM ds.many WHERE app < 10 GROUP BY app"


class Client:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=120)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path, body):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request("POST", f"/bigquery/v2/projects/bench{path}", text, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        read = answer.read()
        if answer.status != 200:
            sys.exit(f"bench: {path}: {answer.status} {read[:500]}")
        return json.loads(read)

    def query(self, sql):
        answer = self.post("/queries", {"query": sql, "useLegacySql": False, "timeoutMs": 100_000})
        return [[cell["v"] for cell in row["f"]] for row in answer.get("rows", [])]


class Emulator(Server):
    """bqemulator from PyPI, persistent, in an environment of its own."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.doors = {"bigquery": f"http://127.0.0.1:{port}"}
        data = os.path.join(WORK, f"bqemulator-{port}")
        os.makedirs(data, exist_ok=True)
        super().__init__([os.path.join(PEER, "bin/python"), PEER_START, "start", "--persistent", "--data-dir", data, "--project", "bench",
                          "--rest-port", str(port), "--log-level", "warning"],
                         stdout=open(os.path.join(WORK, "bqemulator.log"), "w"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while True:
            try:
                Client(self.doors["bigquery"]).query("SELECT 1 AS one")
                return
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    sys.exit(f"bench: bqemulator did not start, see {WORK}/bqemulator.log")
                time.sleep(0.2)


def peer_there():
    """Its environment is made once; without it Afluente is measured alone, and the report says so."""
    if not os.path.exists(os.path.join(PEER, "bin/bqemulator")):
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        subprocess.run([os.path.join(PEER, "bin/pip"), "install", "-q", "bqemulator==1.4.0"], check=False)
    return os.path.exists(os.path.join(PEER, "bin/bqemulator"))


def timed(count, action):
    """Milliseconds of each call."""
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        action()
        times.append((time.perf_counter() - begin) * 1000)
    return times


def flat(client, count, memory):
    """SELECT 1 in ten windows: the first and the last must be alike, and so must memory."""
    windows, resident = [], []
    timed(min(500, count // 10), lambda: client.query("SELECT 1 AS one"))
    for _ in range(10):
        times = timed(count // 10, lambda: client.query("SELECT 1 AS one"))
        windows.append(statistics.median(times))
        resident.append(memory())
    return {"p50_ms": statistics.median(windows), "windows_ms": windows, "resident_mib": resident, "queries": count}


def insert_rate(address, seconds, threads):
    """insertAll in batches of 500 rows; every row is counted afterwards."""
    stop = time.monotonic() + seconds
    counts = [0] * threads

    def work(number):
        client, batch = Client(address), 0
        while time.monotonic() < stop:
            rows = [{"insertId": f"{number}-{batch}-{i}", "json": {"app": i, "user": "user-%05d" % i, "n": batch}} for i in range(500)]
            if "insertErrors" in client.post("/datasets/ds/tables/rows/insertAll", json.dumps({"rows": rows}).encode()):
                sys.exit("bench: insertErrors")
            counts[number] += 500
            batch += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    begin = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.monotonic() - begin
    stored = int(Client(address).query("SELECT COUNT(*) AS n FROM ds.rows")[0][0])
    if stored != sum(counts):
        sys.exit(f"bench: {sum(counts)} rows acknowledged, {stored} stored")
    return sum(counts) / took


def measure(server, queries, memory, seconds):
    address = server.doors["bigquery"]
    client = Client(address)
    client.query("CREATE SCHEMA IF NOT EXISTS ds")
    client.query("CREATE TABLE ds.rows (app INT64, user STRING, n INT64)")
    result = {"select_1": flat(client, queries, memory), "insert_rows_s": insert_rate(address, seconds, 2)}
    client.query(EVENTS)
    if len(client.query(AGGREGATE)) != 10:
        sys.exit("bench: a wrong aggregate")
    result["aggregate_ms"] = statistics.median(timed(10, lambda: client.query(AGGREGATE)))
    result["insert_one_ms"] = statistics.median(timed(20, lambda: client.post(
        "/datasets/ds/tables/rows/insertAll", {"rows": [{"json": {"app": 1, "user": "u", "n": 1}}]})))
    return result


def bench_bigquery():
    queries = 100_000 if LONG else 10_000
    say(f"BigQuery REST: {queries} times SELECT 1, inserts, aggregates")
    results = {}
    with Afluente("bench/specs/events.yaml", "bigquery") as server:
        results["Afluente"] = measure(server, queries, server.rss_mib, 4)
    if peer_there():
        say("bqemulator: the same, fewer queries")
        with Emulator() as peer:
            results["bqemulator"] = measure(peer, 300, lambda: 0, 4)
    return results


def section(results, _folder):
    from report import number, table

    def spread(windows):
        return f"{100 * (windows[-1] / windows[0] - 1):+.0f} %"

    rows = [[name, f"{r['select_1']['p50_ms']:.2f}", spread(r["select_1"]["windows_ms"]), f"{r['aggregate_ms']:.1f}",
             f"{r['insert_one_ms']:.1f}", number(r["insert_rows_s"])] for name, r in results.items()]
    mine = results["Afluente"]["select_1"]
    text = ("## BigQuery REST\n\n" + table(["", "SELECT 1 p50, ms", "last tenth to first", "1 M rows aggregated, ms", "insertAll 1 row, ms",
                                            "insertAll rows/s"], rows) +
            f"\n{mine['queries']:,} times SELECT 1; memory after each tenth, MiB: "
            f"{', '.join(f'{m:.0f}' for m in mine['resident_mib'])}. Batches of 500 rows with insert ids on two connections, rows counted "
            "afterwards; one Python client on the same cores.\n")
    return text if len(results) > 1 else text + "\nbqemulator could not be installed.\n"
