"""The topic's parts of bench/run: publishing, streaming pull, many topics, recovery and long runs."""
import contextlib
import os
import shutil
import threading
import time

from servers import WORK, Afluente, find_peers, load, pstest, say

LONG = False  # ten million messages, a hundred thousand cycles
LONG_PARTS = ("recovery", "endure", "churn")
SPEC = "bench/specs/events.yaml"
SHAPES = [(batch, publishers) for batch in (1, 100, 1000) for publishers in (1, 8)]


def parts(rounds, seconds):
    return {"publish": lambda: publish(rounds, seconds), "stream": lambda: stream(rounds), "topics": lambda: topics(rounds),
            "recovery": recovery, "endure": endure, "churn": churn}


def raw_sync(batch):
    """The disk's limit: append and sync of the same bytes, one after the other."""
    path = os.path.join(WORK, "raw-sync")
    block = os.urandom(batch * 1024)
    times = []
    with open(path, "wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, 128 << 20)
        os.fsync(file.fileno())
        offset, end = 0, time.monotonic() + 1
        while time.monotonic() < end:
            begin = time.monotonic()
            os.pwrite(file.fileno(), block, offset)
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - begin) * 1000)
            offset = (offset + len(block)) % (100 << 20)
    os.remove(path)
    times.sort()
    return {"messages_per_s": batch * len(times) / (sum(times) / 1000), "p50_ms": times[len(times) // 2],
            "p99_ms": times[int(len(times) * 0.99)]}


def publish(rounds, seconds):
    peers, missing = find_peers()
    runs = {}
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            for name, (start, _, _) in list(peers.items()):
                try:
                    stack.enter_context(start())
                except (RuntimeError, OSError) as failure:
                    del peers[name]
                    missing[name] = str(failure)
            for batch, publishers in SHAPES:
                say(f"publish: batches of {batch}, {publishers} publishers, round {number + 1}")
                publish_once(peers, batch, publishers, seconds, runs)
        for name in ("redis", "kafka", "nats"):
            shutil.rmtree(os.path.join(WORK, name), ignore_errors=True)
    return {"runs": runs, "missing": missing}


def publish_once(peers, batch, publishers, seconds, runs):
    shape = ["-batch", str(batch), "-publishers", str(publishers), "-duration", seconds + "s"]

    def keep(system, result):
        runs.setdefault((system, batch, publishers), []).append(result)

    with Afluente(SPEC, "publish") as server:
        keep("Afluente", load("publish", "-server", server.pubsub, *shape))
        if batch == 1:
            keep("a call that writes nothing", load("bare", "-server", server.pubsub, *shape))
    for name, (_, command, address) in peers.items():
        keep(name, load(command, "-server", address, *shape))
    with pstest() as server:
        keep("pstest (memory)", load("publish", "-server", server.address, *shape))
    keep("raw append and sync", raw_sync(batch))


def stream(rounds):
    """One stream drains a backlog; then messages are published and delivered at half of what goes through at once."""
    peers, _ = find_peers()
    runs = {"drain": {}, "latency": []}
    google = "Google's emulator (memory)"
    for number in range(rounds):
        say(f"streaming pull, round {number + 1}")
        with Afluente(SPEC, "stream") as server:
            drained = load("drain", "-server", server.pubsub, "-messages", "500000", "-batch", "1000", "-publishers", "2")
            runs["drain"].setdefault("Afluente", []).append(drained)
            most = load("endure", "-server", server.pubsub, "-messages", "300000", "-batch", "100")["operations_per_s"]
            runs["latency"].append(load("latency", "-server", server.pubsub, "-batch", "100", "-duration", "4s", "-rate", str(int(most / 2))))
        with pstest() as server:
            runs["drain"].setdefault("pstest (memory)", []).append(load("drain", "-server", server.address, "-messages", "300", "-batch", "100"))
        if google in peers:
            with peers[google][0]():
                runs["drain"].setdefault(google, []).append(
                    load("drain", "-server", peers[google][2], "-messages", "20000", "-batch", "1000"))
    return runs


def topics(rounds):
    runs, idle = {}, []
    for number in range(rounds):
        say(f"many topics, round {number + 1}")
        with Afluente(SPEC, "topics") as server:
            for shape in (("1", "8"), ("100", "4")):
                for count in (1, 1000):
                    result = load("spread", "-server", server.pubsub, "-topics", str(count), "-batch", shape[0], "-publishers", shape[1],
                                  "-duration", "2s")
                    runs.setdefault((int(shape[0]), int(shape[1]), count), []).append(result)
            time.sleep(1)
            before, begin = server.cpu_seconds(), time.monotonic()
            time.sleep(5)
            idle.append((server.cpu_seconds() - before) / (time.monotonic() - begin))
    return {"runs": runs, "idle": idle}


def recovery():
    """Kill -9 with a backlog; from the next start to ready; then the backlog is read from disk by one stream."""
    messages = "10000000" if LONG else "1000000"
    say(f"recovery with {messages} messages retained")
    with Afluente(SPEC, "recovery") as server:
        load("fill", "-server", server.pubsub, "-name", "backlog", "-messages", messages, "-batch", "100", "-size", "200", "-publishers", "4")
        full = server.rss_mib()
        server.kill()
    with Afluente(SPEC, "recovery", keep=True) as server:
        drained = load("drain", "-server", server.pubsub, "-name", "backlog", "-filled", "-messages", messages, "-size", "200")
        result = {"messages": int(messages), "ready_s": server.start_ms / 1000, "full_mib": full, "drained_mib": server.rss_mib(),
                  "drain_per_s": drained["messages_per_s"], "again": drained["again"]}
    shutil.rmtree(os.path.join(WORK, "recovery"), ignore_errors=True)
    return result


class Watch(threading.Thread):
    """The server's memory and disk every half second."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.over, self.samples = server, threading.Event(), []

    def run(self):
        begin = time.monotonic()
        while not self.over.wait(0.5):
            disk = 0
            for entry in os.scandir(os.path.join(self.server.data_dir, "journal")):
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    disk += entry.stat().st_size
            self.samples.append((time.monotonic() - begin, self.server.rss_mib(), disk / 2**20))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.over.set()
        self.join()


def watched(name, *arguments):
    with Afluente(SPEC, name) as server:
        with Watch(server) as watch:
            result = load(*arguments, "-server", server.pubsub)
    shutil.rmtree(os.path.join(WORK, name), ignore_errors=True)
    return {**result, "samples": watch.samples}


def endure():
    messages = "10000000" if LONG else "1000000"
    say(f"endurance: {messages} messages published and drained")
    return watched("endure", "endure", "-messages", messages, "-batch", "100", "-size", "200")


def churn():
    cycles = "100000" if LONG else "5000"
    say(f"churn: {cycles} cycles of create, publish and delete")
    return watched("churn", "churn", "-messages", cycles)
