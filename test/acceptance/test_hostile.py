"""I7: ten thousand hostile requests on the topic's door leave it up, its memory flat and its descriptors closed.

Fuzzed gRPC frames, HTTP, JSON, protobuf and UTF-8, four at a time. AFLUENTE_SEED replays a run, AFLUENTE_HOSTILE_REQUESTS
makes it longer (`make soak`).
"""
import concurrent.futures
import contextlib
import json
import os
import random
import socket

import http2
import pytest
from google.pubsub_v1 import types

from pipeline import PROJECT

REQUESTS = int(os.environ.get("AFLUENTE_HOSTILE_REQUESTS", "10000"))
SEED = int(os.environ.get("AFLUENTE_SEED") or random.SystemRandom().randrange(1 << 32))
TOPIC = f"projects/{PROJECT}/topics/Data"
SPEC = "project: test-project\ntopics: {Data: {}}\nsubscriptions:\n  all: {topic: Data}\n"
METHODS = [f"/google.pubsub.v1.{name}" for name in (
    "Publisher/Publish", "Publisher/CreateTopic", "Publisher/UpdateTopic", "Publisher/ListTopics", "Subscriber/Pull",
    "Subscriber/StreamingPull", "Subscriber/Acknowledge", "Subscriber/CreateSubscription", "Subscriber/Seek",
    "SchemaService/CreateSchema", "Publisher/Nothing")]
UTF8 = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x00", "é".encode(), "\u202e".encode()]


def mutated(source, data):
    """A few bytes changed, cut, doubled or thrown in."""
    data = bytearray(data)
    for _ in range(source.randrange(1, 5)):
        at = source.randrange(len(data) + 1)
        kind = source.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = source.randrange(256)
        elif kind == 1:
            data[at:at] = source.choice(UTF8)
        elif kind == 2:
            del data[at:at + source.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = data[at:at + 20]
        else:
            data[at:at] = source.randbytes(source.randrange(1, 9))
    return bytes(data)


def protobuf(source):
    return source.choice([
        types.PublishRequest(topic=TOPIC, messages=[types.PubsubMessage(data=b"x" * 30, attributes={"a": "b"}, ordering_key="k")]),
        types.PublishRequest(topic=TOPIC + "-none", messages=[types.PubsubMessage(data=b"x")]),
        types.AcknowledgeRequest(subscription=f"projects/{PROJECT}/subscriptions/all", ack_ids=["1-1-1", "x"]),
        types.StreamingPullRequest(subscription=f"projects/{PROJECT}/subscriptions/all", stream_ack_deadline_seconds=10),
        types.ListTopicsRequest(project=f"projects/{PROJECT}", page_size=3),
    ])._pb.SerializeToString()


def grpc_request(source):
    """Well framed, the content hostile; or the frames themselves."""
    body = mutated(source, protobuf(source))
    lie = source.choice([None, None, len(body) + 5, 0, 0xffffffff])
    message = http2.grpc_message(body, source.choice([0, 0, 0, 1, 7]), lie)
    more = {"x-hostile": source.choice(UTF8) * 3} if source.random() < 0.2 else {}
    data = http2.opening(source.choice(METHODS), **more) + http2.frame(http2.DATA, http2.END_STREAM, 1, message)
    return mutated(source, data) if source.random() < 0.4 else data


def frames(source):
    data = http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0)
    for _ in range(source.randrange(1, 8)):
        payload = source.randbytes(source.randrange(64))
        data += http2.frame(source.randrange(12), source.randrange(256), source.randrange(5), payload,
                            source.choice([None, None, source.randrange(1 << 20)]))
    return data


def rest_request(source):
    body = json.dumps(source.choice([
        {"messages": [{"data": "aGVsbG8=", "attributes": {"a": "b"}}]}, {"messages": [{"data": 7}]}, {"messages": {}}, [], "x",
        {"messages": [{"data": "!"}]}, {"subscription": {"ackDeadlineSeconds": 1e400}}, {"pushConfig": [[[[]]]]}])).encode()
    if source.random() < 0.7:
        body = mutated(source, body)
    path = source.choice([TOPIC + ":publish", TOPIC, f"projects/{PROJECT}/subscriptions/all:pull", f"projects/{PROJECT}/topics",
                          "projects/%00/topics/%zz", "projects/" + "x" * 500, "..%2f..%2fetc", "?a=%&b", TOPIC + ":nothing"])
    length = source.choice([len(body), len(body), len(body), len(body) + 9, 0, -1, 10**18])
    # A DELETE of what is there would be no bad request.
    verb = source.choice(["POST", "GET", "PUT", "PATCH", "BREW"] + (["DELETE"] if path != TOPIC else []))
    head = f"{verb} /v1/{path} HTTP/1.1\r\nHost: localhost\r\n" \
           f"Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    data = head.encode() + body
    return mutated(source, data) if source.random() < 0.3 else data


def noise(source):
    return source.randbytes(source.randrange(1, 400))


KINDS = [grpc_request, grpc_request, frames, rest_request, rest_request, noise]


def send(address, data):
    """Sends, ends its side and reads until the server closes or has nothing to say."""
    with socket.create_connection(address, timeout=10) as connection, contextlib.suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.5)
        while connection.recv(1 << 16):
            pass


def storm(address, first, count):
    slices = [range(first + n, first + count, 4) for n in range(4)]

    def one(numbers):
        for number in numbers:
            source = random.Random(SEED * 1_000_003 + number)
            send(address, source.choice(KINDS)(source))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, slices))


def descriptors(instance):
    return len(os.listdir(f"/proc/{instance.process.pid}/fd"))


@pytest.mark.timeout(300 + REQUESTS // 20)
def test_ten_thousand_hostile_requests_leave_it_up_and_flat(launch):
    print(f"AFLUENTE_SEED={SEED} AFLUENTE_HOSTILE_REQUESTS={REQUESTS}")
    instance = launch(SPEC, {})
    host, port = instance.doors["pubsub"].rsplit(":", 1)
    address = (host, int(port))
    storm(address, 0, REQUESTS // 5)  # pools and caches fill
    memory, files = instance.resident_bytes(), descriptors(instance)
    storm(address, REQUESTS // 5, REQUESTS - REQUESTS // 5)
    assert instance.running(), instance.log()
    grown = instance.resident_bytes() - memory
    print(f"{REQUESTS} requests; memory {memory >> 20} MiB, then {grown / 2**20:+.1f} MiB; {files} descriptors, then {descriptors(instance)}")
    assert grown < 24 << 20, f"memory grew by {grown >> 20} MiB"
    assert descriptors(instance) < files + 20
    # It still does its work, and what it stored is what it answered for.
    answer = instance.rest("POST", TOPIC + ":publish", {"messages": [{"data": "aGVsbG8="}]})
    assert answer.status_code == 200 and len(answer.json()["messageIds"]) == 1, answer.text
    instance.restart()
    assert instance.rest("GET", TOPIC).status_code == 200
