"""The roles that run alone: `afluente proxy` before any API, `afluente api` over a data directory."""
import contextlib
import json
import signal
import socket
import ssl
import subprocess
import time

import jwt
import pytest
import requests
from certificates import Authority
from instance import BINARY, Instance, clean_environment, run_afluente, write_pipeline
from openid_issuer import OpenIdIssuer
from streaming_upstream import streaming_upstream

AUDIENCE = "/projects/1/locations/us-central1/services/api"
PROXY_SPEC = """\
project: test-project
access:
  members: ["domain:ltm.example"]
  login: {issuer: "ISSUER", client_id: web-client}
  hosts: [api.ltm.example]
  assertion: {issuer: "https://cloud.google.com/iap", audience: AUDIENCE, jwks_uri: "file:unused.json"}
""".replace("AUDIENCE", AUDIENCE)
API_SPEC = """\
project: test-project
topics: {Data: {}}
datasets: {ds: {tables: {t: {schema: [{name: n, type: INT64}]}}}}
functions: {store: {topic: Data, table: ds.t}}
endpoints: {"/rows": {sql: rows.sql}}
"""


@contextlib.contextmanager
def role(tmp_path, *command, environment=None):
    """A running role; yields its process, its URL and its log."""
    log = tmp_path / "role.log"
    with open(log, "ab") as stderr:
        process = subprocess.Popen([BINARY, *map(str, command)], stdout=subprocess.PIPE, stderr=stderr,
                                   stdin=subprocess.DEVNULL, env={**clean_environment(), **(environment or {})})
    try:
        line = process.stdout.readline().decode()
        assert line.startswith("afluente ready"), line + log.read_text()
        yield process, line.split()[-1].replace("0.0.0.0", "127.0.0.1"), log
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=30)
        process.stdout.close()


def stop(process):
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    return time.monotonic() - begin


@pytest.fixture(scope="module")
def issuer():
    with OpenIdIssuer().serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def behind(tmp_path_factory, issuer):
    """A proxy before an upstream that streams."""
    directory = tmp_path_factory.mktemp("proxy")
    spec = write_pipeline(directory, PROXY_SPEC.replace("ISSUER", issuer.url))
    with streaming_upstream() as upstream:
        with role(directory, "proxy", spec, "--upstream", upstream.url, "--data-dir", directory / "keys",
                  "--proxy-listen", "127.0.0.1:0") as (process, url, _):
            upstream.proxy = url
            yield upstream
            assert stop(process) < 10


def bearer(issuer, user="ana@ltm.example"):
    return {"Authorization": "Bearer " + issuer.token(user)}


def connect(behind):
    host, port = behind.proxy.removeprefix("http://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=60)


def test_the_proxy_signs_for_the_named_audience(behind, issuer):
    seen = requests.get(behind.proxy + "/any?x=1", headers=bearer(issuer), timeout=30).json()
    assert seen["path"] == "/any?x=1"
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["host"] == behind.url.removeprefix("http://")
    assert headers["x-forwarded-host"] == behind.proxy.removeprefix("http://")
    keys = requests.get(behind.proxy + "/iap/verify/public_key-jwk", timeout=30).json()
    key = jwt.PyJWK(keys["keys"][0])
    claims = jwt.decode(headers["x-goog-iap-jwt-assertion"], key, ["ES256"], audience=AUDIENCE,
                        issuer="https://cloud.google.com/iap")
    assert claims["email"] == "ana@ltm.example"
    assert requests.get(behind.proxy + "/any", timeout=30).status_code == 401
    assert requests.get(behind.proxy + "/any", headers=bearer(issuer, "eve@x.example"), timeout=30).status_code == 403


def test_chunks_go_both_ways_while_they_come(behind, issuer):
    def pieces():
        for i in range(50):
            yield b"%d," % i * 1000
    answer = requests.post(behind.proxy + "/echo", data=pieces(), headers=bearer(issuer), timeout=60)
    assert answer.content == b"".join(b"%d," % i * 1000 for i in range(50))


def test_events_come_one_by_one(behind, issuer):
    answer = requests.get(behind.proxy + "/events", headers=bearer(issuer), stream=True, timeout=60)
    lines = answer.iter_lines(chunk_size=1)
    for i in range(3):
        behind.step.release()  # the next is not sent before the last was seen here
        assert next(lines) == f"data: {i}".encode()
        assert next(lines) == b""
    assert list(lines) == []


def test_a_websocket_passes_through(behind, issuer):
    with connect(behind) as connection:
        connection.sendall((
            "GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: {bearer(issuer)['Authorization']}\r\n\r\n").encode())
        answer = connection.makefile("rb")
        assert answer.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        head = b"".join(iter(answer.readline, b"\r\n"))
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        for size in (1, 100_000):
            sent = bytes(i % 251 for i in range(size))
            connection.sendall(sent)
            assert answer.read(size) == sent
        connection.shutdown(socket.SHUT_WR)
        assert answer.read() == b""


def test_preflights_pass_and_say_nothing_about_anybody(behind):
    answer = requests.options(behind.proxy + "/any", timeout=30, headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "GET",
        "X-Goog-Authenticated-User-Email": "accounts.google.com:ana@ltm.example"})
    assert answer.status_code == 501  # the upstream's own: it knows no OPTIONS
    assert requests.options(behind.proxy + "/any", timeout=30).status_code == 401


def test_an_https_upstream_must_prove_itself(tmp_path, issuer):
    authority = Authority(tmp_path)
    authority.write(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    spec = write_pipeline(tmp_path, PROXY_SPEC.replace("ISSUER", issuer.url))
    with streaming_upstream(context) as upstream:
        for trusted, status in ((str(authority.file), 200), ("/nowhere", 502)):
            with role(tmp_path, "proxy", spec, "--upstream", upstream.url, "--data-dir", tmp_path / "keys",
                      "--proxy-listen", "127.0.0.1:0", environment={"SSL_CERT_FILE": trusted}) as (_, url, _):
                assert requests.get(url + "/x", headers=bearer(issuer), timeout=60).status_code == status


def test_on_cloud_run_it_listens_everywhere_and_logs_with_traces(tmp_path, issuer):
    spec = write_pipeline(tmp_path, PROXY_SPEC.replace("ISSUER", issuer.url))
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    environment = {"PORT": str(port), "K_SERVICE": "door", "GOOGLE_CLOUD_PROJECT": "cloud-project"}
    with streaming_upstream() as upstream:
        with role(tmp_path, "proxy", spec, "--upstream", upstream.url, "--data-dir", tmp_path / "keys",
                  environment=environment) as (process, url, log):
            assert url == f"http://127.0.0.1:{port}"
            trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            requests.get(url + "/traced", timeout=30, headers={
                **bearer(issuer), "traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
            assert stop(process) < 10
            lines = [json.loads(line) for line in log.read_text().splitlines()]
    line = next(line for line in lines if line.get("path") == "/traced")
    assert line["severity"] == "INFO" and line["email"] == "ana@ltm.example"
    assert line["logging.googleapis.com/trace"] == f"projects/cloud-project/traces/{trace}"
    assert line["logging.googleapis.com/spanId"] == "00f067aa0ba902b7"


@pytest.mark.parametrize("flags, word", [
    ([], "--upstream"), (["--upstream", "ftp://x"], "--upstream"), (["--upstream", "http://x/path"], "path"),
    (["--upstream", "http://127.0.0.1:1", "--proxy-listen", "nonsense"], "HOST:PORT")])
def test_wrong_usage_of_the_proxy(tmp_path, issuer, flags, word):
    spec = write_pipeline(tmp_path, PROXY_SPEC.replace("ISSUER", issuer.url))
    refused = run_afluente("proxy", spec, "--data-dir", tmp_path / "keys", *flags, code=2)
    assert word in refused.stderr


def test_a_proxy_without_access_is_refused(tmp_path):
    spec = write_pipeline(tmp_path, "project: test-project\n")
    assert "access:" in run_afluente("proxy", spec, "--upstream", "http://127.0.0.1:1", code=2).stderr


def test_the_api_alone_answers_what_is_stored(tmp_path):
    instance = Instance(tmp_path, API_SPEC, {"rows.sql": "SELECT n FROM ds.t ORDER BY n"})
    instance.start()
    run_afluente("publish", "Data", "--data-dir", instance.data_dir, stdin='{"n":1}\n{"n":2}\n')
    run_afluente("drain", "--data-dir", instance.data_dir)
    held = run_afluente("api", instance.spec, "--data-dir", instance.data_dir, "--api-listen", "127.0.0.1:0", code=1)
    assert str(instance.process.pid) in held.stderr
    instance.terminate()
    with role(tmp_path, "api", instance.spec, "--data-dir", instance.data_dir, "--api-listen", "127.0.0.1:0") as (
            process, url, _):
        assert requests.get(url + "/rows", timeout=30).json()["rows"] == [{"n": 1}, {"n": 2}]
        assert stop(process) < 10


def test_engines_and_addresses_of_the_api_are_refused_by_name(tmp_path):
    spec = write_pipeline(tmp_path, API_SPEC, {"rows.sql": "SELECT n FROM ds.t"})
    refused = run_afluente("api", spec, "--data-dir", tmp_path / "d", "--warehouse", "parchment", code=2)
    assert "there are embedded and bigquery" in refused.stderr
    refused = run_afluente("api", spec, "--data-dir", tmp_path / "d", code=2, environment={"K_SERVICE": "api"})
    assert "0.0.0.0:8000" in refused.stderr and "without identity" in refused.stderr
