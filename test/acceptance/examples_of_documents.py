"""The fenced examples of a page of docs/, in order, and how they are run.

    ```sh                      run by bash; the working directory and the environment stay from one block to the next
    ```sh title="terminal"     goes on in the background until the next one of them, or the page's end; the server is waited for
    ```yaml title="FILE"       written to FILE (any language)
    ```python                  run by this Python
    ```text                    what the last sh or python printed; … stands for anything
"""
import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

from instance import BINARY, START_SECONDS, clean_environment

BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.M | re.S)
DOORS = {8000: "API", 8080: "PROXY", 8085: "PUBSUB", 8090: "INGEST", 1883: "MQTT", 9000: "ADMIN", 9050: "BIGQUERY",
         9060: "BIGQUERY_STORAGE"}
SECONDS = 120


def blocks_of(text):
    found = BLOCK.findall(text)
    assert len(found) == text.count("\n```") / 2, "a fence is not closed, or says what this test does not know"
    return found


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Reader:
    """Somebody who does what a page says, on a machine whose usual ports others may have."""

    def __init__(self, home):
        self.home, self.directory, self.said, self.terminals = home, home, "", []
        self.ports = dict(zip(DOORS, free_ports(len(DOORS)), strict=True))
        tools = home / "bin"
        tools.mkdir()
        (tools / "afluente").symlink_to(BINARY)
        self.environment = {**clean_environment(), "PATH": f"{tools}:{os.environ['PATH']}",
                            **{f"AFLUENTE_{name}_LISTEN": f"127.0.0.1:{self.ports[port]}" for port, name in DOORS.items()}}

    def here(self, text):
        text = re.sub(r"(?<=127\.0\.0\.1:)(\d+)", lambda found: str(self.ports.get(int(found[0]), found[0])), text)
        return re.sub(r"(?<=port=)(\d+)", lambda found: str(self.ports.get(int(found[0]), found[0])), text)

    def do(self, language, title, text):
        text = self.here(text)
        if title == "terminal":
            return self.start(text)
        if title:
            path = self.directory / title
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.write_text(text, encoding="utf-8")
        if language == "text":
            return self.compare(text)
        assert language in ("sh", "python"), f"{language} without a title"
        return self.run(text) if language == "sh" else self.run_python(text)

    def run(self, text):
        state = self.home / "state"
        script = f"set -eo pipefail\ncd {shlex.quote(str(self.directory))}\n{text}\n{{ pwd; env -0; }} > {shlex.quote(str(state))}\n"
        self.said = self._finish(["bash", "-c", script], text)
        directory, _, variables = state.read_bytes().decode().partition("\n")
        self.directory = type(self.home)(directory)
        self.environment = dict(each.split("=", 1) for each in variables.split("\0") if each)

    def run_python(self, text):
        self.said = self._finish([sys.executable, "-c", text], text)

    def _finish(self, command, text):
        result = subprocess.run(command, cwd=self.directory, env=self.environment, capture_output=True, text=True,
                                timeout=SECONDS, check=False)
        assert result.returncode == 0, f"{text}\nexit code {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def start(self, text):
        self.leave()  # a second terminal block is the first one again
        log = open(self.home / "terminal.log", "ab")  # noqa: SIM115
        process = subprocess.Popen(["bash", "-c", "exec " + text.strip()], cwd=self.directory, env=self.environment,
                                   stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.terminals.append((process, log))
        ready, deadline = self.directory / ".afluente/ready.json", time.monotonic() + START_SECONDS
        while not ready.exists():
            said = (self.home / log.name).read_text(errors="replace")
            assert process.poll() is None and time.monotonic() < deadline, f"{text}\n{said}"
            time.sleep(0.02)

    def compare(self, wanted):
        pattern = ".*".join(re.escape(part) for part in wanted.strip().split("…"))
        assert re.fullmatch(pattern, self.said.strip(), re.S), f"printed:\n{self.said}\nthe page has:\n{wanted}"

    def leave(self):
        for process, _ in self.terminals:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process, log in self.terminals:
            try:
                process.wait(timeout=30)
            finally:
                log.close()
        self.terminals.clear()
