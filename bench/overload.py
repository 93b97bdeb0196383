#!/usr/bin/env python3
"""Offers ten times the sustainable rate for OVERLOAD_SECONDS (a minute), then looks: nothing acknowledged is lost, memory was flat, and a
message goes through as fast as before by itself. Loopback only; part of tools/soak."""
import json
import os
import subprocess
import sys
import threading
import time

import function
from servers import LOAD, ROOT, WORK, Afluente, load, say

SECONDS = int(os.environ.get("OVERLOAD_SECONDS", "60"))
MEMORY_MIB = 2048  # the specification's limit by default
TOPIC = "projects/bench/topics/Events"


def latency(server, first, count=50):
    """Seconds from a publish's reply until the row is there, median and worst."""
    times = []
    for n in range(first, first + count):
        server.run_with("publish", "Events", stdin=function.small_event(n) + "\n")
        begin = time.monotonic()
        while json.loads(server.run("query", f"SELECT COUNT(*) AS n FROM ds.store WHERE action_id = {n}", "--json"))["rows"][0]["n"] == 0:
            time.sleep(0.001)
        times.append(time.monotonic() - begin)
    times.sort()
    return times[len(times) // 2], times[-1]


class Overloaded(Afluente):
    def run_with(self, *command, stdin):
        subprocess.run([os.path.join(ROOT, "build/release/afluente"), *command, "--data-dir", self.data_dir], input=stdin, text=True,
                       stdout=subprocess.PIPE, check=True)


class Memory(threading.Thread):
    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.most, self.over = server, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            self.most = max(self.most, self.server.rss_mib())


def main():
    os.makedirs(WORK, exist_ok=True)
    subprocess.run(["go", "build", "-o", LOAD, "."], cwd=os.path.join(ROOT, "bench/load"), check=True)
    with Overloaded(function.write_spec("overload", {"store": ""}), "overload") as server:
        begin = time.monotonic()
        fed = 300_000
        function.feed(server, fed)
        server.run("drain", "--timeout", "600")
        sustainable = fed / (time.monotonic() - begin)
        before = latency(server, 10_000_000)
        say(f"sustainable {sustainable:,.0f} messages/s; a message is there after {before[0] * 1000:.1f} ms")
        memory = Memory(server)
        memory.start()
        flood = load("flood", "-server", server.pubsub, "-topic", TOPIC, "-rate", str(int(sustainable * 10)), "-batch", "100", "-duration",
                     f"{SECONDS}s", "-api", server.doors["ingest"] + "/ingest/Events")
        behind = function.backlog(server)
        begin = time.monotonic()
        server.run("drain", "--timeout", "600")
        caught_up = time.monotonic() - begin
        memory.over.set()
        after = latency(server, 20_000_000)
        line = json.loads(server.run("check", "--json"))
        rows = json.loads(server.run("query", "SELECT COUNT(*) AS n, COUNT(DISTINCT action_id) AS ids FROM ds.store", "--json"))["rows"][0]
    known = fed + 100 + flood["acknowledged"]
    result = {"sustainable_per_s": sustainable, **flood, "behind": behind, "caught_up_s": caught_up, "memory_mib": memory.most,
              "latency_before_ms": before[0] * 1000, "latency_after_ms": after[0] * 1000, "stored": rows["n"]}
    print(json.dumps(result, indent=1))
    # What had no answer may be there as well; nothing else may.
    wrong = [text for text, bad in {
        "the balance": not line["balanced"], "a row that is there twice": rows["n"] != rows["ids"],
        "an acknowledged message that is not stored": rows["n"] < known,
        "a message that was refused and stored": rows["n"] > known + flood["unanswered"] + flood["refused"],
        "a refusal without Retry-After": flood["without_retry_after"] > 0,
        f"memory beyond {MEMORY_MIB} MiB": memory.most > MEMORY_MIB}.items() if bad]
    if wrong:
        sys.exit("overload: " + "; ".join(wrong))


main()
