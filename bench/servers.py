"""The servers that bench/run measures: Afluente and its peers, each alive as long as its block."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.path.join(ROOT, "build/release/afluente")
WORK = os.path.join(ROOT, "build/bench")
LOAD = os.path.join(WORK, "load")
KAFKA = "4.3.1"
EMULATOR = "/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar"


def say(text):
    print(f"[bench] {text}", file=sys.stderr, flush=True)


class Server:
    """A process that ends with the block."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, **options)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Afluente(Server):
    def __init__(self, spec, name, keep=False):
        self.spec, self.data_dir = spec, os.path.join(WORK, name)
        if not keep:
            shutil.rmtree(self.data_dir, ignore_errors=True)
        begin = time.monotonic()
        super().__init__([BINARY, "up", os.path.join(ROOT, spec), "--data-dir", self.data_dir, "--ephemeral-ports"],
                         stdout=subprocess.PIPE, stderr=open(os.path.join(WORK, name + ".log"), "w"), text=True)
        if not self.process.stdout.readline().startswith("afluente ready"):
            sys.exit(f"bench: afluente did not start, see {WORK}/{name}.log")
        self.start_ms = (time.monotonic() - begin) * 1000
        with open(os.path.join(self.data_dir, "ready.json"), encoding="utf-8") as file:
            self.doors = json.load(file)
        self.pubsub = self.doors["pubsub"]

    def run(self, *command):
        result = subprocess.run([BINARY, *command, "--data-dir", self.data_dir], text=True, stdout=subprocess.PIPE,
                                check=True)
        return result.stdout

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.process.kill()
        self.process.wait()


def load(*arguments):
    return json.loads(subprocess.run([LOAD, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout)


def nats_server(sync=True):
    directory = os.path.join(WORK, "nats")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    config = os.path.join(directory, "nats.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'listen: "127.0.0.1:14222"\njetstream {{ store_dir: "{directory}/store"\n'
                   + (" sync_interval: always\n" if sync else "") + "}\n")
    server = Server([os.path.join(WORK, "nats-server"), "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    return server


def pstest():
    server = Server([LOAD, "pstest", "-duration", "60s"], stdout=subprocess.PIPE, text=True)
    server.address = server.process.stdout.readline().strip()
    return server


def raw_sync(batch):
    """The disk's limit: append and sync of the same bytes, one after the other."""
    path = os.path.join(WORK, "raw-sync")
    block = os.urandom(batch * 1024)
    count, begin = 0, time.monotonic()
    with open(path, "wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, 128 << 20)
        offset = 0
        while time.monotonic() - begin < 1:
            os.pwrite(file.fileno(), block, offset)
            os.fdatasync(file.fileno())
            offset = (offset + len(block)) % (100 << 20)
            count += 1
    os.remove(path)
    return {"messages_per_s": count * batch / (time.monotonic() - begin), "p50_ms": 0, "p99_ms": 0}


def wait_for_port(port, server, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return server
        time.sleep(0.1)
    server.__exit__()
    raise RuntimeError(f"nothing listens on port {port}")


def fresh_directory(name):
    directory = os.path.join(WORK, name)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    return directory


def redis_server():
    directory = fresh_directory("redis")
    server = Server(["redis-server", "--port", "16379", "--bind", "127.0.0.1", "--dir", directory, "--save", "", "--appendonly", "yes",
                     "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"], stdout=subprocess.DEVNULL)
    return wait_for_port(16379, server)


def emulator():
    server = Server(["java", "-jar", EMULATOR, "--host=127.0.0.1", "--port=18187"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_port(18187, server)
    time.sleep(1)
    load("publish", "-server", "127.0.0.1:18187", "-batch", "100", "-publishers", "2", "-duration", "4s")  # the JIT's warm-up
    return server


KAFKA_CONFIG = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:19093
listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093
advertised.listeners=PLAINTEXT://127.0.0.1:19092
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
message.max.bytes=8388608
"""


def kafka():
    directory = fresh_directory("kafka")
    config = os.path.join(directory, "server.properties")
    with open(config, "w", encoding="utf-8") as file:
        file.write(KAFKA_CONFIG + f"log.dirs={directory}/logs\n")
    java = ["java", "-Xmx1g", "-cp", os.path.join(WORK, "kafka-libs", "*")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", config], check=True, **quiet)
    server = wait_for_port(19092, Server([*java, "kafka.Kafka", config], **quiet), 60)
    time.sleep(2)
    load("kafka", "-server", "127.0.0.1:19092", "-batch", "100", "-duration", "4s")  # the JIT's warm-up
    return server


def find_peers():
    """Which peers this machine has: name -> how to start it, the load's command and address. And why others are left out."""
    peers = {"NATS, sync always": (nats_server, "nats", "127.0.0.1:14222")}
    missing = {}
    if shutil.which("redis-server"):
        peers["Redis, fsync always"] = (redis_server, "redis", "127.0.0.1:16379")
    else:
        missing["Redis, fsync always"] = "apt has no redis-server here"
    if os.path.exists(EMULATOR) and shutil.which("java"):
        peers["Google's emulator (memory)"] = (emulator, "publish", "127.0.0.1:18187")
    else:
        missing["Google's emulator (memory)"] = "it comes with the Cloud SDK only, which is not installed here"
    reason = fetch_kafka()
    if reason:
        missing["Kafka, flush.messages=1"] = reason
    else:
        peers["Kafka, flush.messages=1"] = (kafka, "kafka", "127.0.0.1:19092")
    return peers, missing


def fetch_kafka():
    """None when Kafka's jars are there; else why not."""
    libs = os.path.join(WORK, "kafka-libs")
    if os.environ.get("BENCH_KAFKA") == "0":
        return "left out by BENCH_KAFKA=0"
    if not shutil.which("mvn") or not shutil.which("java"):
        return "needs Java and Maven"
    if os.path.isdir(libs):
        return None
    say("Kafka: its jars are fetched by Maven")
    try:
        subprocess.run(["mvn", "-q", "-B", "-f", os.path.join(ROOT, "bench/kafka-pom.xml"), f"-Dkafka.version={KAFKA}",
                        "dependency:copy-dependencies", f"-DoutputDirectory={libs}"], check=True, timeout=300,
                       stdout=subprocess.DEVNULL)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failure:
        shutil.rmtree(libs, ignore_errors=True)
        return f"Maven did not bring it ({type(failure).__name__})"
    return None
