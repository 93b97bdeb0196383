"""Small requests that would be large: packed bodies, deep JSON and many fields, on every door. None grows the process or ends it."""
import gzip
import socket
import zlib

import grpc
import pytest
import requests
from google.pubsub_v1 import types

SPEC = """\
project: test-project
topics: {Data: {}}
datasets: {ds: {}}
endpoints: {"/one": {sql: one.sql}}
"""
FILES = {"one.sql": "SELECT 1 AS one"}
PLAIN = 256 << 20
GROWTH_MAX = 96 << 20
TOPIC = "projects/test-project/topics/Data"
PLACES = {"api": "/one", "pubsub": f"/v1/{TOPIC}:publish", "admin": "/v1/query", "ingest": "/ingest/Data",
          "bigquery": "/bigquery/v2/projects/test-project/jobs"}


def url(instance, door):
    address = instance.doors[door].removeprefix("http://")
    return f"http://{address}{PLACES[door]}"


@pytest.fixture(scope="module")
def bomb():
    packer = zlib.compressobj(9, wbits=31)
    piece = b" " * (1 << 20)
    return b"".join(packer.compress(piece) for _ in range(PLAIN >> 20)) + packer.flush()


@pytest.fixture
def flat(shared):
    before = shared.resident_bytes()
    yield shared
    grown = shared.resident_bytes() - before
    assert shared.running() and grown < GROWTH_MAX, f"{grown >> 20} MiB more"
    assert shared.get("/one").json()["rows"] == [{"one": 1}]


@pytest.mark.parametrize("door", PLACES)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip", "zstd", "br"])
def test_a_packed_body_stays_packed_or_is_refused(flat, bomb, door, coding):
    answer = requests.post(url(flat, door), data=bomb, timeout=60,
                           headers={"Content-Encoding": coding, "Content-Type": "application/json"})
    assert answer.status_code in (400, 405, 413, 415), answer.text[:300]


def test_packed_grpc_messages(flat):
    message = types.PublishRequest(topic=TOPIC, messages=[types.PubsubMessage(data=b"\0" * (100 << 20))])._pb.SerializeToString()
    options = [("grpc.max_send_message_length", -1), ("grpc.default_compression_algorithm", 2),
               ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(flat.doors["pubsub"], options=options, compression=grpc.Compression.Gzip) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary("/google.pubsub.v1.Publisher/Publish", request_serializer=lambda b: b,
                                response_deserializer=lambda b: b)(message, timeout=60)
    assert refused.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT), refused.value


@pytest.mark.parametrize("door", PLACES)
def test_deep_json(flat, door):
    for text in ("[" * 200_000, '{"a":' * 100_000, '{"configuration":' * 50_000 + "1" + "}" * 50_000,
                 '{"sql": ' + "[" * 100_000 + "]" * 100_000 + "}"):
        answer = requests.post(url(flat, door), data=text, timeout=60, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 405, 413), answer.text[:300]


@pytest.mark.parametrize("door", PLACES)
def test_many_fields(flat, door):
    host, port = flat.doors[door].removeprefix("http://").rsplit(":", 1)
    for field in ("a:\r\n", "Cookie: a=b\r\n", "X-Goog-Iap-Jwt-Assertion: a.b.c\r\n", "Accept: text/csv\r\n"):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(f"GET {PLACES[door]} HTTP/1.1\r\nHost: localhost\r\n".encode() + field.encode() * 20_000 + b"\r\n")
            answer = connection.recv(4096)
        assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")), answer[:100]


@pytest.mark.parametrize("name, value", [("Accept", "text/csv;q=0.1," * 900), ("Accept-Encoding", "gzip;q=0.5," * 1000),
                                         ("If-None-Match", '"x",' * 3000), ("Origin", "http://" + "a" * 12_000),
                                         ("X-Request-Id", "x" * 12_000), ("Last-Event-ID", "9" * 12_000)])
def test_long_lists_in_fields(flat, name, value):
    answer = flat.get("/one", headers={name: value})
    assert answer.status_code in (200, 403, 431) and len(answer.headers.get("X-Request-Id", "")) < 200


def test_a_packed_body_of_packed_bodies_is_unpacked_once(flat, bomb):
    answer = requests.post(url(flat, "ingest"), data=gzip.compress(bomb, 9), timeout=60,
                           headers={"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
