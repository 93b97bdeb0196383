"""The REST side of the Pub/Sub door, by plain HTTP."""
import base64
import re
import socket
import time
import uuid

import pytest
import requests

from pipeline import PROJECT, message, publish

P = f"projects/{PROJECT}"


def error_of(answer, code, status):
    """Google's error JSON."""
    assert answer.status_code == code, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/json")
    error = answer.json()["error"]
    assert error["code"] == code and error["status"] == status and error["message"], error
    return error["message"]


@pytest.fixture
def topic(shared):
    name = f"t-{uuid.uuid4().hex[:12]}"
    assert shared.rest("PUT", f"{P}/topics/{name}", {}).status_code == 200
    return name


@pytest.fixture
def subscription(shared, topic):
    name = f"s-{uuid.uuid4().hex[:12]}"
    answer = shared.rest("PUT", f"{P}/subscriptions/{name}", {"topic": f"{P}/topics/{topic}", "ackDeadlineSeconds": 60})
    assert answer.status_code == 200, answer.text
    return name


def pull(shared, subscription, count=10, expect=1, seconds=10):
    """Pulls until `expect` messages came; Pub/Sub may answer with fewer, or with none after a wait."""
    received, deadline = [], time.monotonic() + seconds
    while len(received) < expect and time.monotonic() < deadline:
        answer = shared.rest("POST", f"{P}/subscriptions/{subscription}:pull",
                             {"maxMessages": count, "returnImmediately": True})
        assert answer.status_code == 200, answer.text
        received += answer.json().get("receivedMessages", [])
    return received


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_both_loopback_addresses_answer(shared, topic, host):
    answer = shared.rest("GET", f"{P}/topics/{topic}", host=host)
    assert answer.status_code == 200 and answer.json()["name"] == f"{P}/topics/{topic}"


def test_topics_over_rest(shared, topic):
    path = f"{P}/topics/{topic}"
    assert shared.rest("PATCH", path, {"topic": {"name": path, "labels": {"a": "b"}},
                                       "updateMask": "labels"}).json()["labels"] == {"a": "b"}
    read = shared.rest("GET", path).json()
    assert (read["name"], read["labels"]) == (path, {"a": "b"})
    listed = shared.rest("GET", f"{P}/topics", params={"pageSize": 1000}).json()["topics"]
    assert path in [t["name"] for t in listed]
    deleted = shared.rest("DELETE", path)
    assert deleted.status_code == 200 and deleted.json() == {}
    assert topic in error_of(shared.rest("GET", path), 404, "NOT_FOUND")


def test_a_retention_is_written_as_googles_duration(shared):
    path = f"{P}/topics/t-{uuid.uuid4().hex[:8]}"
    made = shared.rest("PUT", path, {"messageRetentionDuration": "3600s"})
    assert made.status_code == 200 and made.json()["messageRetentionDuration"] == "3600s"


def test_subscriptions_over_rest(shared, topic, subscription):
    path = f"{P}/subscriptions/{subscription}"
    read = shared.rest("GET", path).json()
    assert (read["name"], read["topic"], read["ackDeadlineSeconds"]) == (path, f"{P}/topics/{topic}", 60)
    listed = shared.rest("GET", f"{P}/subscriptions", params={"pageSize": 1000}).json()["subscriptions"]
    assert path in [s["name"] for s in listed]
    assert shared.rest("GET", f"{P}/topics/{topic}/subscriptions").json()["subscriptions"] == [path]
    updated = shared.rest("PATCH", path, {"subscription": {"name": path, "ackDeadlineSeconds": 90},
                                          "updateMask": "ackDeadlineSeconds"})
    assert updated.status_code == 200 and updated.json()["ackDeadlineSeconds"] == 90
    assert shared.rest("DELETE", path).json() == {}
    error_of(shared.rest("GET", path), 404, "NOT_FOUND")


def test_listing_over_rest_pages(shared):
    names = set()
    for _ in range(5):
        name = f"{P}/topics/page-{uuid.uuid4().hex[:8]}"
        shared.rest("PUT", name, {})
        names.add(name)
    seen, token = [], ""
    while True:
        page = shared.rest("GET", f"{P}/topics", params={"pageSize": 2, "pageToken": token}).json()
        assert len(page["topics"]) <= 2
        seen += [t["name"] for t in page["topics"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert names <= set(seen) and len(seen) == len(set(seen))


def test_publish_pull_and_acknowledge_over_rest(shared, topic, subscription):
    ids = publish(shared, [message(b"\x00\xff bytes", kind="x"), message("second")], topic)
    received = pull(shared, subscription, expect=2)
    by_id = {r["message"]["messageId"]: r for r in received}
    assert set(by_id) == set(ids)
    first = by_id[ids[0]]["message"]
    assert base64.b64decode(first["data"]) == b"\x00\xff bytes" and first["attributes"] == {"kind": "x"}
    assert first["publishTime"].endswith("Z")
    answer = shared.rest("POST", f"{P}/subscriptions/{subscription}:acknowledge",
                         {"ackIds": [by_id[ids[0]]["ackId"]]})
    assert answer.status_code == 200 and answer.json() == {}
    answer = shared.rest("POST", f"{P}/subscriptions/{subscription}:modifyAckDeadline",
                         {"ackIds": [by_id[ids[1]]["ackId"]], "ackDeadlineSeconds": 0})
    assert answer.status_code == 200 and answer.json() == {}
    again = pull(shared, subscription)
    assert [r["message"]["messageId"] for r in again] == [ids[1]]


def test_an_ordering_key_travels_over_rest(shared, topic, subscription):
    publish(shared, [message("o", ordering_key="k")], topic)
    assert pull(shared, subscription)[0]["message"]["orderingKey"] == "k"


def test_a_pull_whose_caller_left_takes_no_message(shared, topic, subscription):
    address, port = shared.doors["pubsub"].rsplit(":", 1)
    body = b'{"maxMessages": 1}'
    with socket.create_connection((address.strip("[]"), int(port)), timeout=10) as caller:
        caller.sendall(f"POST /v1/{P}/subscriptions/{subscription}:pull HTTP/1.1\r\nHost: {address}\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        caller.settimeout(1)
        with pytest.raises(TimeoutError):
            caller.recv(1)
    time.sleep(0.5)
    [published] = publish(shared, [message("not for who left")], topic)
    # Its lease would last a minute.
    assert [r["message"]["messageId"] for r in pull(shared, subscription)] == [published]


def test_an_empty_pull_is_an_empty_object(shared, subscription):
    answer = shared.rest("POST", f"{P}/subscriptions/{subscription}:pull",
                         {"maxMessages": 1, "returnImmediately": True})
    assert answer.status_code == 200 and answer.json() == {}


def test_creating_twice_is_a_409(shared, topic):
    assert topic in error_of(shared.rest("PUT", f"{P}/topics/{topic}", {}), 409, "ALREADY_EXISTS")


def test_snake_case_names_are_understood_as_googles_json_allows(shared, topic):
    name = f"{P}/subscriptions/s-{uuid.uuid4().hex[:8]}"
    made = shared.rest("PUT", name, {"topic": f"{P}/topics/{topic}", "ack_deadline_seconds": 77})
    assert made.status_code == 200 and made.json()["ackDeadlineSeconds"] == 77


BAD_BODIES = {
    "unknown field": ({"messages": [{"data": "eA==", "colour": "red"}]}, "colour"),
    "unknown field above": ({"messages": [{"data": "eA=="}], "shade": 1}, "shade"),
    "bad base64": ({"messages": [{"data": "%%%"}]}, "data"),
    "data is a number": ({"messages": [{"data": 5}]}, "data"),
    "data is an object": ({"messages": [{"data": {}}]}, "data"),
    "messages is a string": ({"messages": "eA=="}, "messages"),
    "attributes is a list": ({"messages": [{"data": "eA==", "attributes": ["a"]}]}, "attributes"),
    "attribute is an object": ({"messages": [{"data": "eA==", "attributes": {"a": {}}}]}, "attributes"),
    "a message is null": ({"messages": [None]}, "messages"),
    "no messages": ({"messages": []}, ""),
    "empty message": ({"messages": [{}]}, ""),
    "good before bad": ({"messages": [{"data": "eA=="}, {"data": "*"}]}, "data"),
}


@pytest.mark.parametrize("kind", BAD_BODIES)
def test_a_bad_publish_body_is_a_400_that_names_the_field_and_publishes_nothing(shared, topic, subscription, kind):
    body, named = BAD_BODIES[kind]
    text = error_of(shared.rest("POST", f"{P}/topics/{topic}:publish", body), 400, "INVALID_ARGUMENT")
    assert named in text
    assert pull(shared, subscription, seconds=0.3) == []


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"x"', "{}", '{"messages": [}', "\u0000",
                                  '{"messages":[{"data":"eA=="}]} trailing', '{"messages":' + "[" * 5000])
def test_a_body_that_is_not_a_publish_is_a_400(shared, topic, body):
    answer = shared.rest("POST", f"{P}/topics/{topic}:publish", data=body.encode(),
                         headers={"content-type": "application/json"})
    error_of(answer, 400, "INVALID_ARGUMENT")


def test_invalid_utf8_in_a_body_is_a_400(shared, topic):
    body = b'{"messages": [{"data": "eA==", "attributes": {"k": "\xff\xfe"}}]}'
    answer = shared.rest("POST", f"{P}/topics/{topic}:publish", data=body)
    error_of(answer, 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("path, body", [("acknowledge", {"ackIds": [1, {}]}),
                                        ("acknowledge", {"ackId": ["x"]}), ("pull", {"maxMessages": "many"}),
                                        ("pull", {"maxMessages": 0}), ("pull", {"maxMessages": 1.5}),
                                        ("pull", {"maxMessages": 99999999999}), ("pull", {}),
                                        ("modifyAckDeadline", {"ackIds": ["x"], "ackDeadlineSeconds": 601}),
                                        ("modifyAckDeadline", {"ackIds": ["x"], "ackDeadlineSeconds": "x"})])
def test_a_bad_subscriber_body_is_a_400(shared, subscription, path, body):
    answer = shared.rest("POST", f"{P}/subscriptions/{subscription}:{path}", body)
    error_of(answer, 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("method, path", [
    ("GET", f"{P}/topics/absent"), ("DELETE", f"{P}/topics/absent"), ("POST", f"{P}/topics/absent:publish"),
    ("GET", f"{P}/topics/absent/subscriptions"), ("GET", f"{P}/subscriptions/absent"),
    ("DELETE", f"{P}/subscriptions/absent"), ("POST", f"{P}/subscriptions/absent:pull"),
    ("POST", f"{P}/subscriptions/absent:acknowledge"), ("POST", f"{P}/subscriptions/absent:modifyAckDeadline")])
def test_what_does_not_exist_is_a_404_that_names_it(shared, method, path):
    bodies = {"publish": {"messages": [message("x")]}, "pull": {"maxMessages": 1}, "acknowledge": {"ackIds": ["x"]},
              "modifyAckDeadline": {"ackIds": ["x"], "ackDeadlineSeconds": 10}}
    answer = shared.rest(method, path, bodies.get(path.partition(":")[2]))
    assert "absent" in error_of(answer, 404, "NOT_FOUND")


@pytest.mark.parametrize("method, path", [("GET", ""), ("GET", "nothing"), ("GET", f"{P}/themes/x"),
                                          ("POST", f"{P}/topics/Data:fly"), ("GET", f"{P}/topics/Data/x/y")])
def test_an_unknown_path_is_a_404_in_googles_form(shared, method, path):
    answer = shared.rest(method, path)
    assert answer.status_code in (404, 405) and answer.json()["error"]["message"]


def test_a_topic_under_a_trailing_slash_or_encoded_slash_is_not_another_topic(shared, topic):
    for path in (f"{P}/topics/{topic}/", f"{P}/topics%2F{topic}", f"{P}//topics/{topic}"):
        assert shared.rest("GET", path).status_code in (400, 404)


def test_wrong_methods_on_known_paths_are_refused(shared, topic):
    for method in ("POST", "HEAD", "OPTIONS", "TRACE"):
        answer = shared.rest(method, f"{P}/topics/{topic}")
        assert 400 <= answer.status_code < 500 or answer.status_code == 501, method


def test_gzip_or_unknown_content_encoding_is_never_taken_for_plain(shared, topic, subscription):
    answer = shared.rest("POST", f"{P}/topics/{topic}:publish", data=b"\x1f\x8b\x08\x00garbage",
                         headers={"content-encoding": "gzip"})
    assert answer.status_code in (400, 415)
    assert pull(shared, subscription, seconds=0.3) == []


def test_keep_alive_serves_many_requests_on_one_connection(shared, topic):
    port = shared.doors["pubsub"].rsplit(":", 1)[1]
    with requests.Session() as session:
        for _ in range(100):
            assert session.get(f"http://127.0.0.1:{port}/v1/{P}/topics/{topic}", timeout=10).status_code == 200


def test_pipelined_requests_are_answered_in_order(shared, topic):
    host, port = shared.doors["pubsub"].rsplit(":", 1)
    known, absent = (f"GET /v1/{P}/topics/{name} HTTP/1.1\r\nHost: localhost\r\n" for name in (topic, "absent"))
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{known}\r\n{absent}\r\n{known}Connection: close\r\n\r\n".encode())
        text = b""
        while piece := connection.recv(65536):
            text += piece
    assert re.findall(rb"HTTP/1\.1 (\d+)", text) == [b"200", b"404", b"200"]
