"""The servers under judgement, each started as its own documentation says and on a port of its own."""
import contextlib
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/acceptance"))

from instance import Instance, clean_environment  # noqa: E402

PROJECT = "test-project"
# The table is what a BigQuery subscription writes to.
SPEC = f"""\
project: {PROJECT}
topics:
  Data: {{}}
datasets:
  ds:
    tables:
      pushed:
        schema:
          - {{name: id, type: INT64}}
          - {{name: name, type: STRING}}
"""
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server's address, and what its kind offers beside gRPC."""

    name = ""
    title = ""
    rest = True          # speaks REST on the same port
    warehouse = False    # has tables for BigQuery subscriptions
    keys_at = ""         # where the keys of its push tokens are served, when not at the token's issuer
    fragile = False      # may die of a request: each feature gets a server of its own

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.address = ""

    def fresh(self):
        """Another server of the same kind, for a scenario that kills it."""
        return type(self)(self.directory / f"fresh-{time.monotonic_ns()}").start()

    @contextlib.contextmanager
    def client_environment(self):
        before = dict(os.environ)
        os.environ.update({"PUBSUB_EMULATOR_HOST": self.address, "PUBSUB_PROJECT_ID": PROJECT})
        try:
            yield PROJECT
        finally:
            os.environ.clear()
            os.environ.update(before)

    def last_words(self):
        """What a server said when it died."""
        said = [line for line in self.output().splitlines() if "panic" in line or "FATAL" in line or "CHECK" in line]
        return said[0][:150] if said else "it exited"

    def environment(self):
        return {**clean_environment(), "METADATA_SERVER_DETECTION": "none", "PUBSUB_EMULATOR_HOST": self.address,
                "PUBSUB_PROJECT_ID": PROJECT,
                "GOOGLE_CLOUD_PROJECT": PROJECT}


class Afluente(Server):
    name = "afluente"
    title = "Afluente"
    warehouse = True

    @staticmethod
    def missing():
        return ""

    def start(self):
        self.instance = Instance(self.directory, SPEC)
        self.instance.start()
        self.address = self.instance.doors["pubsub"]
        self.keys_at = self.instance.doors["admin"]
        return self

    def environment(self):
        """Beside Pub/Sub's, what the scenarios of the warehouse need; no client reads these by itself."""
        return {**super().environment(), "JUDGED_BIGQUERY": self.instance.doors["bigquery"],
                "JUDGED_STORAGE": self.instance.doors["bigquery_storage"], "JUDGED_PARQUET": str(self._parquet())}

    def _parquet(self):
        """A file of two rows that another library wrote: (1, "a"), (2, NULL)."""
        path = self.directory / "rows.parquet"
        if not path.exists():
            import pyarrow
            from pyarrow import parquet
            parquet.write_table(pyarrow.table({"id": [1, 2], "name": ["a", None]}), path)
        return path

    def kill_and_restart(self):
        self.instance.restart()
        self.address = self.instance.doors["pubsub"]

    def stop(self):
        self.instance.discard()
        if self.instance in Instance.alive:
            Instance.alive.remove(self.instance)

    def output(self):
        return self.instance.log()

    def table(self):
        return "test-project.ds.pushed"

    def rows(self):
        return self.instance.query("SELECT * FROM ds.pushed")

    def alive(self):
        return self.instance.running()


class CommandServer(Server):
    """A server that is one program with a port on its command line."""

    def start(self):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        with open(self.directory / "output.log", "ab") as log:
            self.process = subprocess.Popen(self.command(port), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=clean_environment(), start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.alive():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return self
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"{self.name} did not start: {(self.directory / 'output.log').read_text()[-500:]}")

    def kill_and_restart(self):
        self.stop()
        self.start()

    def stop(self):
        if self.alive():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def alive(self):
        return self.process.poll() is None

    def output(self):
        return (self.directory / "output.log").read_text(errors="replace")

    def table(self):
        return "test-project.ds.pushed"


@functools.cache
def emulator_program():
    """Google's emulator of the Cloud SDK, or None."""
    gcloud = shutil.which("gcloud")
    if not gcloud:
        return None
    root = subprocess.run([gcloud, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True,
                          timeout=60, check=False).stdout.strip()
    program = pathlib.Path(root) / "platform/pubsub-emulator/bin/cloud-pubsub-emulator"
    return program if root and program.exists() else None


class Emulator(CommandServer):
    name = "emulator"
    title = "Google's emulator"

    @staticmethod
    def missing():
        return "" if emulator_program() else "the Cloud SDK's Pub/Sub emulator is not installed (no registry offers it)"

    def command(self, port):
        return [str(emulator_program()), "--host=127.0.0.1", f"--port={port}"]


class Pstest(CommandServer):
    name = "pstest"
    title = "Go's pstest"
    rest = False
    fragile = True

    @staticmethod
    def missing():
        return "" if (ROOT / "build/clients/pstest").exists() else "build/clients/pstest is missing: tools/bootstrap clients"

    def command(self, port):
        return [str(ROOT / "build/clients/pstest"), f"127.0.0.1:{port}"]


SERVERS = {kind.name: kind for kind in (Afluente, Emulator, Pstest)}
