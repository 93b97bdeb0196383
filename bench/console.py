"""What the console costs the pipeline: publishing with and without an open first page, in turn on one server."""
import contextlib
import json
import statistics
import threading
import time
import urllib.parse
import urllib.request

from servers import Afluente, load, say

SPEC = "bench/specs/events.yaml"
PAIRS = 5  # a round
BEGINNINGS = ("source/", "pubsub/", "topic/", "subscription/", "function/", "endpoint/", "system/")
ASKED = {"/v1/pipeline": 10, "/v1/dead-letters/counts": 5}  # by the page, every so many seconds


class OpenPage:
    """Asks what the console's first page asks, and takes its events, as a browser does."""

    def __init__(self, admin):
        self.admin, self.over, self.events, self.answers = admin, threading.Event(), 0, 0
        self.threads = [threading.Thread(target=self.listen, daemon=True), threading.Thread(target=self.ask, daemon=True)]

    def listen(self):
        match = urllib.parse.quote("\n".join(BEGINNINGS))
        with urllib.request.urlopen(f"{self.admin}/v1/events?match={match}", timeout=60) as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    json.loads(line[5:])
                    self.events += 1
                if self.over.is_set():
                    return

    def ask(self):
        due = dict.fromkeys(ASKED, 0)
        while not self.over.wait(0.1):
            for path, every in ASKED.items():
                if time.monotonic() < due[path]:
                    continue
                due[path] = time.monotonic() + every
                with urllib.request.urlopen(self.admin + path, timeout=60) as answer:
                    json.load(answer)
                self.answers += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self.over.set()
        for thread in self.threads:
            thread.join(timeout=10)


def part(rounds, seconds):
    return lambda: measure(rounds, seconds)


def once(server, page, seconds):
    with OpenPage(server.doors["admin"]) if page else contextlib.nullcontext() as opened:
        rate = load("publish", "-server", server.pubsub, "-batch", "100", "-publishers", "4", "-duration", f"{seconds}s")["messages_per_s"]
    if page and (opened.events == 0 or opened.answers == 0):
        raise SystemExit("bench: the page saw nothing")
    return rate


def measure(rounds, seconds):
    """Pairs of rates, without and with the page; which comes first changes from pair to pair."""
    pairs = []
    for number in range(rounds):
        say(f"the console's cost, round {number + 1}")
        with Afluente(SPEC, "console") as server:
            once(server, False, seconds)  # warm
            for pair in range(PAIRS):
                first = once(server, pair % 2 == 1, seconds)
                second = once(server, pair % 2 == 0, seconds)
                pairs.append((second, first) if pair % 2 == 1 else (first, second))
    return pairs


def section(pairs, _folder):
    ratios = sorted(page / alone for alone, page in pairs)
    middle = statistics.median(ratios)
    quarter = len(ratios) // 4
    return ("## The console's cost\n\nPublishing in batches of 100 by four publishers, with and without an open first page (its events and what it asks for), in turn on "
            f"one server, {len(pairs)} pairs: with the page {middle:.1%} of the rate without it (median of the pairs; the middle half lies between {ratios[quarter]:.1%} "
            f"and {ratios[-1 - quarter]:.1%}).\n")
