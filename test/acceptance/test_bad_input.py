"""Bad input of every kind: a clear error, the same process afterwards, flat memory, an exact balance."""
import concurrent.futures
import contextlib
import json
import os
import random
import socket

import grpc
import pytest
import requests
from google.pubsub_v1 import types

import http2
from instance import wait_until
from pipeline import PROJECT, event, message, publish

SEED = int(os.environ.get("AFLUENTE_SEED") or random.SystemRandom().randrange(1 << 32))
DOORS = ("api", "pubsub", "admin")
TOPIC = f"projects/{PROJECT}/topics/Data"
MEMORY_GROWTH_MAX = 96 << 20
MEMORY_MAX = 640 << 20
RAW = {"request_serializer": lambda b: b, "response_deserializer": lambda b: b}


def address(instance, door):
    host, port = instance.doors[door].removeprefix("http://").rsplit(":", 1)
    return host, int(port)


def send(instance, door, data, seconds=2, half_close=True):
    """Sends bytes and returns what came back until the other side closed or `seconds` went by."""
    answer = b""
    with socket.create_connection(address(instance, door), timeout=seconds) as connection:
        with contextlib.suppress(OSError):  # a reset is an answer too
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
    return answer


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


@pytest.fixture
def target(shared):
    """Before and after each test: the same process serves, and the balance is exact."""
    pid, before = shared.process.pid, shared.outcome("store")
    yield shared
    assert shared.running() and shared.process.pid == pid, shared.log()
    [message_id] = publish(shared, [event(id=424242)])
    after = shared.outcome("store")
    assert after[0] >= before[0] + 1 and after[0] == sum(after[1:])
    assert shared.query("SELECT id FROM ds.events WHERE _message_id = @m", f"m:STRING:{message_id}") == [{"id": 424242}]
    assert shared.get("/count").status_code == 200


def call(instance, method, data, timeout=5):
    """One gRPC call with these bytes as its request; returns the error, or None."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(instance.doors["pubsub"], options=options) as channel:
        try:
            channel.unary_unary(f"/google.pubsub.v1.{method}", **RAW)(data, timeout=timeout)
        except grpc.RpcError as error:
            return error
    return None


# gRPC.

@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05ab", b"\x12\x02\x0a\x7f",
                                  b"\x0a\x02\xff\xfe", b"\x08\x01\x0b", bytes(1000), b"\x12\x80\x80\x80\x80\x80\x01"])
def test_bytes_that_are_no_protobuf_are_refused(target, data):
    error = call(target, "Publisher/Publish", data)
    assert error is not None and error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)


def test_invalid_utf8_in_a_protobuf_string_is_refused(target):
    good = types.PublishRequest.pb()(topic=TOPIC, messages=[
        types.PubsubMessage.pb()(data=b"x", attributes={"key": "VALUE"})]).SerializeToString()
    for bad in (good.replace(b"VALUE", b"\xff\xfe\xfd\xfc\xfb"), good.replace(b"key", b"\xc3\x28\x80"),
                good.replace(b"topics/Data", b"topics/D\xff\xffa")):
        error = call(target, "Publisher/Publish", bad)
        assert error is not None and error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)


@pytest.mark.parametrize("method", ["Publisher/Fly", "Nobody/Publish", "Publisher", "", "Publisher/Publish/x"])
def test_an_unknown_grpc_method_is_unimplemented(target, method):
    assert call(target, method, b"").code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["SchemaService/CreateSchema", "Subscriber/Seek", "Subscriber/CreateSnapshot",
                                    "Subscriber/ModifyPushConfig", "Publisher/DetachSubscription"])
def test_an_empty_request_is_an_invalid_argument(target, method):
    error = call(target, method, b"")
    assert error is not None and error.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_huge_grpc_body_is_a_named_refusal(target):
    for size in (10_000_001, 12 << 20, 40 << 20):
        request = types.PublishRequest.pb()(topic=TOPIC, messages=[types.PubsubMessage.pb()(data=bytes(size))])
        error = call(target, "Publisher/Publish", request.SerializeToString(), timeout=20)
        assert error is not None and error.code() in (grpc.StatusCode.INVALID_ARGUMENT,
                                                      grpc.StatusCode.RESOURCE_EXHAUSTED), (size, error)


def test_the_largest_message_pubsub_allows_is_taken_and_has_one_outcome(target):
    published, stored, dropped, dead = target.outcome("store")
    padding = b'{"id": 5, "name": "' + b"x" * (9_900_000) + b'"}'
    request = types.PublishRequest.pb()(topic=TOPIC, messages=[types.PubsubMessage.pb()(data=padding)])
    assert call(target, "Publisher/Publish", request.SerializeToString(), timeout=20) is None
    assert target.outcome("store") == (published + 1, stored + 1, dropped, dead)
    assert target.value("SELECT MAX(LENGTH(name)) AS n FROM ds.events WHERE id = 5") == 9_900_000


PUBLISH = types.PublishRequest.pb()(topic=TOPIC, messages=[types.PubsubMessage.pb()(data=b'{"id": 7}')]).SerializeToString()
CUT = {
    "the preface alone": http2.PREFACE,
    "half a preface": http2.PREFACE[:10],
    "preface and garbage": http2.PREFACE + b"garbage " * 50,
    "headers without a body": http2.opening(),
    "half a header frame": http2.opening()[:-20],
    "half a message": http2.opening() + http2.frame(http2.DATA, 0, 1, http2.grpc_message(PUBLISH)[:9]),
    "half a message, then the end": http2.opening() + http2.frame(
        http2.DATA, http2.END_STREAM, 1, http2.grpc_message(PUBLISH)[:9]),
    "length of 4 GiB": http2.opening() + http2.frame(
        http2.DATA, http2.END_STREAM, 1, http2.grpc_message(PUBLISH, length=0xFFFFFFFF)),
    # Not here: a compressed flag without (or with an unknown) grpc-encoding. gRPC 1.51 itself now and then takes such a
    # message as it is, and then it is a whole and valid publish.
    "flag byte of 200": http2.opening() + http2.frame(
        http2.DATA, http2.END_STREAM, 1, http2.grpc_message(PUBLISH, compressed=200)),
    "no message": http2.opening() + http2.frame(http2.DATA, http2.END_STREAM, 1),
    "two messages": http2.opening() + http2.frame(
        http2.DATA, http2.END_STREAM, 1, http2.grpc_message(b"") + http2.grpc_message(b"")),
    "a frame larger than allowed": http2.opening() + http2.frame(http2.DATA, 0, 1, b"", length=0xFFFFFF),
    "data on stream 0": http2.opening() + http2.frame(http2.DATA, 0, 0, b"x"),
    "data on an unopened stream": http2.opening() + http2.frame(http2.DATA, 0, 99, b"x"),
    "a window of 0": http2.opening() + http2.frame(http2.WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
    "a torn HPACK block": http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0) + http2.frame(
        http2.HEADERS, http2.END_HEADERS, 1, http2.request_headers("/x")[:-3]),
    "HPACK index out of range": http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0) + http2.frame(
        http2.HEADERS, http2.END_HEADERS, 1, b"\xff\xff\xff\xff\x0f"),
    "endless continuation": http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0) + http2.frame(
        http2.HEADERS, 0, 1, http2.request_headers("/x")) + http2.frame(
            http2.CONTINUATION, 0, 1, http2.literal("a" * 100, "b" * 120)) * 2000,
    "resets in a row": http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0) + b"".join(
        http2.frame(http2.HEADERS, http2.END_HEADERS, s, http2.request_headers("/google.pubsub.v1.Publisher/Publish"))
        + http2.frame(http2.RST_STREAM, 0, s, b"\0\0\0\x08") for s in range(1, 2000, 2)),
    "invalid UTF-8 in the path": http2.opening(path="/google.pubsub.v1.Publisher/Pub\udcff".encode(
        "utf-8", "surrogateescape").decode("latin-1")),
    "a ping flood": http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0) + http2.frame(http2.PING, 0, 0, bytes(8)) * 5000,
}


@pytest.mark.parametrize("kind", CUT)
def test_truncated_and_malformed_grpc_stores_nothing(target, kind):
    before = target.outcome("store")
    send(target, "pubsub", CUT[kind], seconds=1)
    assert target.outcome("store") == before


# HTTP.

@pytest.mark.parametrize("door", DOORS)
def test_a_request_line_that_is_none_is_refused(target, door):
    for data in (b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n",
                 b"G\xffT / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
                 b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: \x00\r\n\r\n"):
        status = status_of(send(target, door, data))
        assert status is None or 400 <= status < 600, (data, status)


@pytest.mark.parametrize("door", DOORS)
def test_oversized_headers_and_targets_are_named_refusals(target, door):
    many = b"".join(b"X-%d: %s\r\n" % (i, b"v" * 100) for i in range(2000))
    for text, allowed in ((b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"v" * 200_000 + b"\r\n\r\n", (431, 400)),
                          (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n", (431, 400)),
                          (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", (414, 431, 400))):
        answer = send(target, door, text, half_close=False)
        assert answer == b"" or status_of(answer) in allowed, answer[:200]


@pytest.mark.parametrize("head", [
    b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: -1\r\n", b"Content-Length: 5x\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n", b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding : chunked\r\n",
    b"Content-Length: +5\r\n"])
@pytest.mark.parametrize("door", ["pubsub", "admin"])
def test_ambiguous_framing_is_refused_so_that_nothing_is_smuggled(target, door, head):
    smuggled = b"GET /v1/" + TOPIC.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = send(target, door, b"POST /v1/" + TOPIC.encode() + b":publish HTTP/1.1\r\nHost: localhost\r\n" + head +
                  b"\r\n0\r\n\r\n" + smuggled)
    assert answer == b"" or status_of(answer) in (400, 411, 413, 501), answer[:200]
    assert answer.count(b"HTTP/1.1 ") <= 1, "the second request was answered"


def test_chunks_that_break_off_or_lie_store_nothing(target):
    before = target.outcome("store")
    head = b"POST /v1/" + TOPIC.encode() + b":publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = json.dumps({"messages": [message(event(id=1))]}).encode()
    for chunks in (b"ffffffffffffffffff\r\nx", b"-1\r\n\r\n", b"zz\r\n", b"%x\r\n" % len(body) + body[:10],
                   b"%x\r\n" % len(body) + body, b"%x\r\n" % (len(body) - 3) + body + b"\r\n0\r\n\r\n"):
        send(target, "pubsub", head + chunks, seconds=1)
    assert target.outcome("store") == before


def test_a_body_that_breaks_off_stores_nothing(target):
    before = target.outcome("store")
    body = json.dumps({"messages": [message(event(id=1))]}).encode()
    send(target, "pubsub", b"POST /v1/" + TOPIC.encode() + b":publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d"
         b"\r\n\r\n" % (len(body) + 1) + body)
    assert target.outcome("store") == before


def test_huge_rest_bodies_are_a_413_before_they_are_read(target):
    url = f"http://{target.doors['pubsub']}/v1/{TOPIC}:publish"
    head = f"POST /v1/{TOPIC}:publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n".encode()
    assert status_of(send(target, "pubsub", head, half_close=False)) == 413
    for door in ("api", "admin"):
        head = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n"
        assert status_of(send(target, door, head, half_close=False)) in (404, 405, 413)

    def endless():
        for _ in range(100):
            yield b"x" * (1 << 20)

    with contextlib.suppress(requests.ConnectionError):  # refused while sending
        assert requests.post(url, data=endless(), timeout=20).status_code == 413


def test_deep_json_is_refused_and_never_overflows_the_stack(target):
    published, stored, dropped, dead = target.outcome("store")
    url = f"http://{target.doors['pubsub']}/v1/{TOPIC}:publish"
    for text in ("[" * 100_000, '{"a":' * 100_000, '{"messages":' * 50_000 + "1" + "}" * 50_000):
        assert requests.post(url, data=text, timeout=10).status_code == 400
        assert requests.post(target.doors["admin"] + "/v1/query", data=text, timeout=10).status_code == 400
    publish(target, ["[" * 100_000, '{"id": ' * 100_000, '{"id": 1, "name": ' + "[" * 50_000 + "]" * 50_000 + "}"])
    assert target.outcome("store") == (published + 3, stored, dropped, dead + 3)


def test_deep_sql_is_refused_and_never_overflows_the_stack(target):
    for sql in ("SELECT " + "(" * 100_000 + "1" + ")" * 100_000, "SELECT " + "NOT " * 100_000 + "TRUE",
                "SELECT " + "-" * 1 + " -".join(["1"] * 50_000), "SELECT " + "+".join(["1"] * 50_000),
                "SELECT * FROM " + "(SELECT * FROM " * 20_000 + "ds.events" + ")" * 20_000,
                "SELECT " + "CASE WHEN TRUE THEN " * 20_000 + "1" + " END" * 20_000, "SELECT " + "[" * 50_000,
                "SELECT 1 AS x UNION ALL " * 20_000 + "SELECT 1", "SELECT '" + "x" * 3_000_000 + "'", "SELECT " + "a." * 50_000):
        answer = requests.post(target.doors["admin"] + "/v1/query", json={"sql": sql}, timeout=60)
        assert answer.status_code in (200, 400, 413, 429, 501), (sql[:60], answer.status_code, answer.text[:300])


def test_bad_query_bodies_of_the_admin_door_are_400s(target):
    url = target.doors["admin"] + "/v1/query"
    for body in (b"", b"{", b"[]", b"null", b"{}", b'{"sql": 5}', b'{"sql": "SELECT 1", "colour": 1}', b'\xff\xfe',
                 b'{"sql": "SELECT \xff"}', b'{"sql": "SELECT 1", "limit": -1}', b'{"sql": "SELECT 1", "parameters": {}}',
                 b'{"sql": "SELECT @p", "parameters": [{"name": "p", "type": "INT64", "value": 5.5}]}',
                 b'{"sql": "SELECT @p", "parameters": [{"name": "p"}]}', b'{"sql": "SELECT 1", "parameters": [7]}',
                 b'{"sql": "\\ud800"}'):
        answer = requests.post(url, data=body, timeout=10)
        assert answer.status_code == 400 and answer.json()["detail"], (body, answer.status_code, answer.text)


# Everything at once.

def test_random_bytes_on_every_door(target):
    print(f"AFLUENTE_SEED={SEED}")
    source = random.Random(SEED)
    starts = [b"", b"GET / HTTP/1.1\r\n", b"POST /v1/" + TOPIC.encode() + b":publish HTTP/1.1\r\nHost: localhost\r\n",
              http2.PREFACE, http2.opening(), b"PRI ", b"\x16\x03\x01\x02\x00", b"\x00"]

    def attack(_):
        door, start = source.choice(DOORS), source.choice(starts)
        data = start + source.randbytes(source.choice((1, 10, 100, 5_000, 100_000)))
        send(target, door, data, seconds=0.5, half_close=source.random() < 0.7)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(attack, range(400)))


def test_mutated_requests_on_every_door(target):
    print(f"AFLUENTE_SEED={SEED}")
    source = random.Random(SEED + 1)
    body = json.dumps({"messages": [message(event(id=1, name="x"), kind="y")]}).encode()
    good = [("pubsub", b"POST /v1/" + TOPIC.encode() + b":publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
             % len(body) + body),
            ("pubsub", http2.opening() + http2.frame(http2.DATA, http2.END_STREAM, 1, http2.grpc_message(PUBLISH))),
            ("api", b"GET /events/1?x=%20 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
            ("admin", b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{\"sql\": \"SELECT 1\"} ")]

    def attack(_):
        door, data = source.choice(good)
        data = bytearray(data)
        for _ in range(source.randrange(1, 6)):
            place = source.randrange(max(1, len(data) - 1))
            action = source.randrange(4)
            if action == 0:
                data[place:place + 1] = source.randbytes(1)
            elif action == 1:
                del data[place:place + source.randrange(1, 20)]
            elif action == 2:
                data[place:place] = source.randbytes(source.randrange(1, 20))
            else:
                data = data[:place] or data
        send(target, door, bytes(data), seconds=0.5)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(attack, range(600)))


def test_three_hundred_slow_connections_hold_nobody_up_and_are_closed(target):
    connections, idle = [], []  # those that began a request, and those that may idle as kept alive
    try:
        for door in DOORS:
            for k in range(300):
                connection = socket.create_connection(address(target, door), timeout=5)
                connection.sendall((b"", b"G", b"GET /health HTTP/1.1\r\n", http2.PREFACE[:3])[k % 4])
                (connections if k % 4 else idle).append(connection)
        for _ in range(20):
            assert target.get("/health").status_code == 200 and target.admin("/healthz").status_code == 200
            assert target.rest("GET", TOPIC).status_code == 200
            publish(target, [event(id=1)])
        for connection in connections:
            connection.setblocking(False)

        def closed():
            for connection in list(connections):
                with contextlib.suppress(BlockingIOError):
                    try:
                        over = not connection.recv(65536)
                    except ConnectionError:
                        over = True
                    if over:
                        connection.close()
                        connections.remove(connection)
            return not connections

        wait_until(closed, 40, "that the slow connections are closed")
    finally:
        for connection in connections + idle:
            connection.close()


def storm(instance, source):
    """A mix of everything above, some of it large."""
    big = b"POST /v1/" + TOPIC.encode() + b":publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"

    def one(k):
        kind = k % 8
        if kind == 0:
            send(instance, "pubsub", big + bytes(9_000_000), seconds=3)
        elif kind == 1:
            send(instance, "pubsub", CUT[source.choice(list(CUT))], seconds=0.3)
        elif kind == 2:
            call(instance, "Publisher/Publish", source.randbytes(100_000))
        elif kind == 3:
            requests.post(f"http://{instance.doors['pubsub']}/v1/{TOPIC}:publish", data="[" * 50_000, timeout=10)
        elif kind == 4:
            send(instance, source.choice(DOORS), source.randbytes(10_000), seconds=0.3)
        elif kind == 5:
            requests.post(instance.doors["admin"] + "/v1/query", json={"sql": "SELECT " + "(" * 5_000}, timeout=10)
        elif kind == 6:
            instance.get("/events/" + "9" * 5_000)
        else:
            publish(instance, ["poison " * 1000] * 20)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(160)))


def test_memory_stays_flat_under_a_storm_of_bad_input(launch):
    print(f"AFLUENTE_SEED={SEED}")
    instance = launch()
    pid = instance.process.pid
    source = random.Random(SEED + 2)
    for _ in range(5):  # pools and caches fill
        storm(instance, source)
    instance.drain()
    first = instance.resident_bytes()
    for _ in range(3):
        storm(instance, source)
    instance.drain()
    grown = instance.resident_bytes() - first
    print(f"resident {first >> 20} MiB, then {grown / (1 << 20):+.1f} MiB in three storms")
    assert grown < MEMORY_GROWTH_MAX, f"grew by {grown >> 20} MiB from {first >> 20} MiB"
    assert first + grown < MEMORY_MAX
    assert instance.running() and instance.process.pid == pid
    published, stored, dropped, dead = instance.outcome("store")
    assert (stored, dropped) == (0, 0) and published == dead == 8 * 20 * 20


def test_nothing_of_all_this_leaves_descriptors_open(target):
    def descriptors():
        return len(os.listdir(f"/proc/{target.process.pid}/fd"))

    before = descriptors()
    source = random.Random(SEED + 3)
    for _ in range(100):
        send(target, source.choice(DOORS), source.choice([b"GET / HTTP", http2.opening(), b"\0"]), seconds=0.3)
    wait_until(lambda: descriptors() <= before + 5, 20, f"the {before} descriptors of before")
