"""A running `afluente up`, driven as a user would: by its command line, its signals and its doors."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("AFLUENTE_BINARY") or str(ROOT / "build/release/afluente")
START_SECONDS = 60
STOP_SECONDS = 10


def clean_environment():
    """The caller's environment without variables that would steer Afluente or the clients."""
    steering = ("AFLUENTE_", "PUBSUB_", "BIGQUERY_", "K_", "OTEL_")
    return {k: v for k, v in os.environ.items() if not k.startswith(steering) and k != "PORT"}


def run_afluente(*command, code=0, stdin=None, timeout=60, cwd=None, environment=None):
    """Runs one command and checks its exit code; `code=None` leaves that to the caller."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    result = subprocess.run([BINARY, *map(str, command)], input=stdin if stdin is not None else b"",
                            capture_output=True, timeout=timeout, cwd=cwd,
                            env={**clean_environment(), **(environment or {})}, check=False)
    result.stdout = result.stdout.decode(errors="replace")
    result.stderr = result.stderr.decode(errors="replace")
    if code is not None:
        assert result.returncode == code, (
            f"afluente {' '.join(map(str, command))}: exit code {result.returncode}, expected {code}\n"
            f"stdout: {result.stdout[-2000:]}\nstderr: {result.stderr[-2000:]}")
    return result


def write_pipeline(directory, spec, files=None):
    """Writes afluente.yaml and the files it names; returns its path."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    path = directory / "afluente.yaml"
    path.write_text(spec, encoding="utf-8")
    return path


class Instance:
    """One data directory and, between start and stop or kill, the process that serves it."""

    alive = []  # every instance of the running test, for the report of a failure

    def __init__(self, directory, spec, files=None):
        self.directory = pathlib.Path(directory)
        self.spec = write_pipeline(self.directory, spec, files)
        self.data_dir = self.directory / "data"
        self.log_path = self.directory / "stderr.log"
        self.process = None
        self.doors = {}
        self.stdout = ""
        self.environment = {}  # what `up` gets beside the clean environment
        Instance.alive.append(self)

    # Life.

    def start(self, *flags, keep_ports=False):
        """Starts and waits until it is ready. `keep_ports` listens where the last start did."""
        ports = ["--ephemeral-ports"]
        if keep_ports:
            ports = ["--api-listen", self.doors["api"].removeprefix("http://"),
                     "--pubsub-listen", self.doors["pubsub"],
                     "--admin-listen", self.doors["admin"].removeprefix("http://"),
                     "--ingest-listen", self.doors.get("ingest", "127.0.0.1:0").removeprefix("http://"),
                     "--mqtt-listen", self.doors.get("mqtt", "127.0.0.1:0"),
                     "--mqtts-listen", self.doors.get("mqtts", "127.0.0.1:0"),
                     "--bigquery-listen", self.doors.get("bigquery", "127.0.0.1:0").removeprefix("http://"),
                     "--bigquery-storage-listen", self.doors.get("bigquery_storage", "127.0.0.1:0")]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "up", str(self.spec), "--data-dir", str(self.data_dir), *ports, *flags],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL,
                env={**clean_environment(), **self.environment})
        self.stdout = self._first_line()
        assert self.stdout.startswith("afluente ready"), f"said {self.stdout!r} instead of being ready\n{self.log()}"
        self.doors = json.loads((self.data_dir / "ready.json").read_text(encoding="utf-8"))
        assert self.doors["pid"] == self.process.pid
        return self

    def _first_line(self):
        os.set_blocking(self.process.stdout.fileno(), False)
        line, deadline = b"", time.monotonic() + START_SECONDS
        while b"\n" not in line:
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"not ready after {START_SECONDS} s\n{self.log()}")
            piece = self.process.stdout.read()
            if piece:
                line += piece
            elif piece == b"" and self.process.poll() is not None:
                break
            else:
                time.sleep(0.002)
        return line.decode(errors="replace")

    def kill(self):
        """SIGKILL: nothing is flushed, nothing is said goodbye to."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=STOP_SECONDS)
        self._close()

    def terminate(self):
        """SIGTERM; returns the seconds it took to exit with code 0."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {STOP_SECONDS} s after SIGTERM\n{self.log()}") from None
        self._close()
        assert code == 0, f"exit code {code} after SIGTERM\n{self.log()}"
        return time.monotonic() - begin

    def start_and_kill(self, seconds):
        """Kills a start after `seconds`, ready or not."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "up", str(self.spec), "--data-dir", str(self.data_dir), "--ephemeral-ports"],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, env=clean_environment())
        time.sleep(seconds)
        assert self.running(), self.log()
        self.kill()

    def restart(self, **options):
        self.kill()
        return self.start(**options)

    def discard(self):
        """Ends the process if a test left it running, and gives the disk back: pytest keeps directories to the end."""
        if self.running():
            self.kill()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _close(self):
        self.process.stdout.close()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def log(self, lines=40):
        if not self.log_path.exists():
            return "(no log)"
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            line = next(row for row in status if row.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    # Client commands.

    def run(self, *command, **options):
        return run_afluente(*command, "--data-dir", self.data_dir, **options)

    def query(self, sql, *parameters):
        flags = [flag for parameter in parameters for flag in ("--param", parameter)]
        return json.loads(self.run("query", sql, *flags, "--json").stdout)["rows"]

    def value(self, sql, *parameters):
        """The only value of the only row."""
        rows = self.query(sql, *parameters)
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return next(iter(rows[0].values()))

    def check(self, code=0):
        return json.loads(self.run("check", "--json", code=code).stdout)

    def balance(self, function):
        """The function's line of `check`, which must balance."""
        answer = self.check()
        assert answer["balanced"] is True, answer
        line = next(f for f in answer["functions"] if f["name"] == function)
        assert line["balanced"] is True, line
        return line

    def drain(self, seconds=60):
        self.run("drain", "--timeout", seconds, timeout=seconds + 30)

    def outcome(self, function):
        """After `drain`, the function's (published, stored, dropped, dead_lettered); none pending."""
        self.drain()
        line = self.balance(function)
        assert line["pending"] == 0, line
        return tuple(line[side] for side in ("published", "stored", "dropped", "dead_lettered"))

    def dead_letters(self, dataset="ds"):
        return self.query(f"SELECT * FROM {dataset}.dead_letters ORDER BY publish_time, message_id")

    # Doors.

    def get(self, path, **options):
        return requests.get(self.doors["api"] + path, timeout=30, **options)

    def admin(self, path, **options):
        return requests.get(self.doors["admin"] + path, timeout=30, **options)

    def rest(self, method, path, body=None, host="127.0.0.1", **options):
        """One call of Pub/Sub's REST surface."""
        port = self.doors["pubsub"].rsplit(":", 1)[1]
        if body is not None:
            options["json"] = body
        return requests.request(method, f"http://{host}:{port}/v1/{path}", timeout=30, **options)

    @contextlib.contextmanager
    def client_environment(self):
        """The variables that `afluente env` prints, set while Google's clients are made."""
        shell = subprocess.run(
            ["sh", "-c", 'eval "$("$0" env --data-dir "$1")" && printf "%s\\n%s\\n" "$PUBSUB_EMULATOR_HOST" '
             '"$PUBSUB_PROJECT_ID"', BINARY, str(self.data_dir)],
            capture_output=True, text=True, timeout=30, check=True, env=clean_environment())
        host, project = shell.stdout.split()
        before = dict(os.environ)
        os.environ.update({"PUBSUB_EMULATOR_HOST": host, "PUBSUB_PROJECT_ID": project})
        try:
            yield project
        finally:
            os.environ.clear()
            os.environ.update(before)


def wait_until(condition, seconds=20, what="the condition"):
    """Polls; a wait for another process cannot be driven by a manual clock."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {seconds} s")
