"""TLS on every door, with official clients, and certificates that change while it runs."""
import contextlib
import os
import socket
import ssl
import time

import grpc
import pytest
import requests
from certificates import Authority
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from instance import Instance, run_afluente, write_pipeline

SPEC = """\
project: test-project
topics: {Data: {}}
datasets: {ds: {}}
endpoints: {"/who": {sql: who.sql}, "/large": {sql: large.sql}}
access: {members: ["domain:ltm.example"]}
tls: {certificate_file: tls.crt, key_file: tls.key}
"""
FILES = {"who.sql": "SELECT @caller_email AS email",
         "large.sql": "SELECT n, REPEAT('x', 1000) AS x FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS n"}


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority(directory)
    authority.write(directory)
    instance = Instance(directory, SPEC, FILES)
    instance.authority = authority
    instance.environment = {"SSL_CERT_FILE": str(authority.file)}
    instance.start()
    yield instance
    if instance.running():
        instance.terminate()


def run(secured, *command, **options):
    environment = {"SSL_CERT_FILE": str(secured.authority.file),
                   "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(secured.authority.file)}
    return run_afluente(*command, "--data-dir", secured.data_dir, environment=environment, **options)


def get(secured, door, path, **headers):
    return requests.get(secured.doors[door] + path, headers=headers, timeout=30, allow_redirects=False,
                        verify=str(secured.authority.file))


def channel(secured):
    roots = secured.authority.file.read_bytes()
    return grpc.secure_channel(secured.doors["pubsub"], grpc.ssl_channel_credentials(roots))


def test_every_door_speaks_tls_and_nothing_else(secured):
    assert secured.doors["tls"] is True
    for door in ("api", "admin", "proxy", "pubsub"):
        address = secured.doors[door].removeprefix("https://")
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=30) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                answer = plain.makefile("rb").read()
            assert b"HTTP/1.1" not in answer
        context = ssl.create_default_context(cafile=str(secured.authority.file))
        with socket.create_connection((host, int(port)), timeout=30) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as connection:
                assert connection.version() in ("TLSv1.2", "TLSv1.3")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection((host, int(port)), timeout=30) as raw:
            with pytest.raises(OSError):
                old.wrap_socket(raw)


def test_requests_through_the_proxy_to_the_api(secured):
    token = run(secured, "token", "--as", "ana@ltm.example").stdout.strip()
    answer = get(secured, "proxy", "/who", Authorization="Bearer " + token)
    assert answer.status_code == 200 and answer.json()["rows"] == [{"email": "ana@ltm.example"}]
    large = get(secured, "proxy", "/large", Authorization="Bearer " + token)
    assert len(large.content) > 3_000_000 or large.json()["next_cursor"]
    assert get(secured, "api", "/who").status_code == 401
    assert get(secured, "api", "/health").status_code == 200


def test_a_browser_signs_in_with_host_cookies(secured):
    session = requests.Session()
    session.verify, session.trust_env = str(secured.authority.file), False
    first = session.get(secured.doors["proxy"] + "/who", headers={"Accept": "text/html"}, allow_redirects=False,
                        timeout=30)
    assert first.headers["Location"].startswith(secured.doors["proxy"] + "/_afluente/issuer/authorize?")
    chosen = session.get(first.headers["Location"] + "&login=ana@ltm.example", allow_redirects=False, timeout=30)
    done = session.get(chosen.headers["Location"], allow_redirects=False, timeout=30)
    assert "__Host-afluente_session" in done.headers["Set-Cookie"] and "Secure" in done.headers["Set-Cookie"]
    assert session.get(secured.doors["proxy"] + "/who", timeout=30).json()["rows"] == [{"email": "ana@ltm.example"}]


def test_pubsub_clients_over_tls(secured):
    publisher = pubsub_v1.PublisherClient(
        transport=PublisherGrpcTransport(channel=channel(secured)))
    subscriber = pubsub_v1.SubscriberClient(
        transport=SubscriberGrpcTransport(channel=channel(secured)))
    topic = "projects/test-project/topics/Data"
    subscription = "projects/test-project/subscriptions/tls"
    subscriber.create_subscription(name=subscription, topic=topic)
    sent = {os.urandom(8) for _ in range(50)}
    for future in [publisher.publish(topic, data) for data in sent]:
        future.result(timeout=60)
    got = set()
    deadline = time.monotonic() + 60
    while got != sent and time.monotonic() < deadline:
        for message in subscriber.pull(subscription=subscription, max_messages=100).received_messages:
            got.add(message.message.data)
    assert got == sent
    rest = requests.get(f"https://{secured.doors['pubsub']}/v1/projects/test-project/topics", timeout=30,
                        verify=str(secured.authority.file)).json()
    assert [each["name"] for each in rest["topics"]] == [topic]


def test_client_commands_over_tls(secured):
    run(secured, "publish", "Data", stdin="{}\n")
    assert run(secured, "check", "--json").stdout.startswith('{"balanced":true')
    untrusted = run_afluente("check", "--data-dir", secured.data_dir, code=1,
                             environment={"SSL_CERT_FILE": "/nowhere"})
    assert "certificate verify failed" in untrusted.stderr


def test_a_renewed_certificate_is_taken_without_a_restart(secured):
    def subject(door):
        host, port = secured.doors[door].removeprefix("https://").rsplit(":", 1)
        context = ssl.create_default_context(cafile=str(secured.authority.file))
        with socket.create_connection((host, int(port)), timeout=30) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as connection:
                return dict(each[0] for each in connection.getpeercert()["subject"])["commonName"]
    doors = ("api", "bigquery_storage")  # gRPC's own server watches the files itself
    assert {subject(door) for door in doors} == {"afluente"}
    # An open connection goes on with the old one.
    session = requests.Session()
    session.verify, session.trust_env = str(secured.authority.file), False
    assert session.get(secured.doors["api"] + "/health", timeout=30).status_code == 200
    secured.authority.write(secured.directory, "renewed")
    deadline = time.monotonic() + 60
    while {subject(door) for door in doors} != {"renewed"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert session.get(secured.doors["api"] + "/health", timeout=30).status_code == 200


@pytest.mark.parametrize("broken", ["tls.crt", "tls.key"])
def test_a_file_that_is_none_is_refused_by_name(tmp_path, broken):
    Authority(tmp_path).write(tmp_path)
    (tmp_path / broken).write_text("nothing", encoding="utf-8")
    spec = write_pipeline(tmp_path, SPEC, FILES)
    refused = run_afluente("up", spec, "--data-dir", tmp_path / "data", "--ephemeral-ports", code=2)
    assert broken in refused.stderr
