"""POST /ingest/{topic}: what was answered is stored, each line's fate is told, a key is answered once."""
import gzip
import hashlib
import json
import threading

import pytest
import requests
from instance import wait_until

SPEC = """
project: p
topics: {Data: {}, Other: {}}
subscriptions: {all: {topic: Data}}
"""

KEYS = """
keys:
  - {name: shop, sha256: %s, topics: [Data]}
  - {name: all, sha256: %s}
""" % tuple(hashlib.sha256(k.encode()).hexdigest() for k in ("k-shop", "k-all"))


def post(instance, body, topic="Data", content="application/x-ndjson", headers=None, **parameters):
    return requests.post(f"{instance.doors['ingest']}/ingest/{topic}", data=body, params=parameters, timeout=60,
                         headers={"Content-Type": content, **(headers or {})})




def data_of(instance, subscription="all"):
    """What the subscription gets, until there is nothing more."""
    got = []
    while True:
        lines = instance.run("pull", subscription, "--limit", 1000, "--ack", "--json").stdout.splitlines()
        if not lines:
            return got
        got += [json.loads(line) for line in lines]


def text_of(message):
    import base64
    return base64.b64decode(message["data"]).decode()


@pytest.fixture(name="up")
def _up(launch):
    return launch(SPEC, {})


def test_each_line_is_a_message_verbatim(up):
    answer = post(up, b'{"a": 1 }\r\n\n  [2]\n', **{"attribute.kind": "action"}, headers={"X-Attribute-Source": "shop"})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["accepted"], body["rejected"], body["errors"]) == (2, 0, [])
    got = data_of(up)
    assert [text_of(m) for m in got] == ['{"a": 1 }', "  [2]"]
    assert got[0]["attributes"] == {"kind": "action", "source": "shop"}
    assert [got[0]["message_id"], got[1]["message_id"]] == [body["first_id"], body["last_id"]]


def test_forms_of_a_body(up):
    lines = b'{"n":1}\n{"n":2}\n'
    assert post(up, b' [{"n": 1}, 2]', content="application/json").json()["accepted"] == 2
    assert post(up, b'{"n":\n1}', content="application/json; charset=utf-8").json()["accepted"] == 1
    assert post(up, b"any text\nmore", content="text/plain").json()["accepted"] == 2
    assert post(up, b"\x00\xff\n", content="application/octet-stream").json()["accepted"] == 1
    assert post(up, gzip.compress(lines), headers={"Content-Encoding": "gzip"}).json()["accepted"] == 2
    refused = post(up, lines, content="application/x-www-form-urlencoded")
    assert refused.status_code == 415 and "application/x-ndjson" in refused.text
    assert post(up, lines, headers={"Content-Encoding": "br"}).status_code == 415
    assert post(up, lines[:9], headers={"Content-Encoding": "gzip"}).status_code == 400
    assert len(data_of(up)) == 8


def test_a_bad_line_stops_no_other(up):
    answer = post(up, b'{"n":1}\n{oops\n{"n":3}\n')
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["rejected"]) == (2, 1)
    assert body["errors"][0]["line"] == 2 and "JSON" in body["errors"][0]["error"]
    assert post(up, b"{oops\n").status_code == 400
    atomic = post(up, b'{"n":1}\n{oops\n', atomic="true")
    assert atomic.status_code == 400 and atomic.json()["accepted"] == 0
    assert post(up, b'1\n' * 1001, atomic="true").status_code == 413
    assert post(up, b'1\n' * 1000, atomic="true").json()["accepted"] == 1000
    assert len(data_of(up)) == 1002


def test_the_topics_schema_applies_to_each_line(up):
    avro = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "long"}]}
    up.rest("POST", "projects/p/schemas?schemaId=numbers",
            {"type": "AVRO", "definition": json.dumps(avro)}).raise_for_status()
    up.rest("PUT", "projects/p/topics/Strict", {"schemaSettings": {
        "schema": "projects/p/schemas/numbers", "encoding": "JSON"}}).raise_for_status()
    lines = [b'{"n": %d}' % i if i % 10 else b'{"n": "x%d"}' % i for i in range(1, 41)]
    body = post(up, b"\n".join(lines), topic="Strict").json()
    assert (body["accepted"], body["rejected"]) == (36, 4)
    assert [error["line"] for error in body["errors"]] == [10, 20, 30, 40]


def test_refusals_name_what_is_wrong(up):
    assert post(up, b"1", topic="Nowhere").status_code == 404
    assert post(up, b"1", colour="red").status_code == 400
    assert post(up, b"").status_code == 400
    assert post(up, b"x" * (11 << 20)).status_code == 413
    assert requests.get(f"{up.doors['ingest']}/ingest/Data", timeout=10).status_code == 405
    foreign = post(up, b"1", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert post(up, b"1", headers={"Host": "evil.example"}).status_code == 403


def test_a_packed_body_may_not_grow_without_bound(launch):
    up = launch(SPEC + "limits: {request_bytes: 64Ki}\n", {})
    bomb = gzip.compress(b'"%s"\n' % (b"x" * 1000) * 10_000)
    assert len(bomb) < 65536
    refused = post(up, bomb, headers={"Content-Encoding": "gzip"})
    assert refused.status_code == 413 and "unpacked" in refused.json()["error"]
    assert refused.json()["next_line"] == refused.json()["accepted"] + 1
    assert len(data_of(up)) == refused.json()["accepted"]


def test_api_keys(launch):
    up = launch(SPEC + "sources: {http: {api_keys_file: keys.yaml}}\n", {"keys.yaml": KEYS})
    assert post(up, b"1").status_code == 401
    assert post(up, b"1", headers={"X-API-Key": "k-shoq"}).status_code == 401
    assert post(up, b"1", headers={"X-API-Key": "k-shop"}).status_code == 202
    assert post(up, b"1", headers={"Authorization": "Bearer k-all"}, topic="Other").status_code == 202
    assert post(up, b"1", headers={"X-API-Key": "k-shop"}, topic="Other").status_code == 403
    # The key, not the place, is what counts.
    assert post(up, b"1", headers={"X-API-Key": "k-all", "Host": "ingest.example"}).status_code == 202


def test_a_key_is_answered_once_also_after_a_kill(up):
    key = {"Idempotency-Key": "order-17"}
    first = post(up, b"1\n2\n", headers=key)
    again = post(up, b"1\n2\n", headers=key)
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json() and again.headers["Idempotency-Replayed"] == "true"
    assert post(up, b"3\n", headers=key).status_code == 422
    up.restart()
    after = post(up, b"1\n2\n", headers=key)
    assert after.json() == first.json() and after.headers["Idempotency-Replayed"] == "true"
    assert [text_of(m) for m in data_of(up)] == ["1", "2"]


@pytest.mark.parametrize("round_number", range(4))
def test_a_kill_in_the_middle_neither_loses_nor_doubles(up, round_number):
    """Under a key, a body that was cut is sent again until it is answered: each line is there once."""
    lines = [f'"{round_number}-{i}-{"x" * 200}"' for i in range(30_000)]
    body = "\n".join(lines).encode()
    key = {"Idempotency-Key": f"batch-{round_number}"}
    seen = threading.Event()

    def send():
        try:
            post(up, body, headers=key)
        except requests.RequestException:
            pass
        seen.set()

    sender = threading.Thread(target=send)
    sender.start()
    seen.wait(0.02 + 0.06 * round_number)
    up.restart()
    sender.join()

    def answered():
        answer = post(up, body, headers=key)
        return answer if answer.status_code == 202 else None

    answer = wait_until(answered, 60, "an answer")
    assert answer.json()["accepted"] == len(lines)
    got = [text_of(m) for m in data_of(up)]
    assert sorted(got) == sorted(lines)


def test_overload_is_refused_by_name_and_loses_nothing(up):
    """Many clients at once: bounded memory, named refusals, and everything answered 202 is there."""
    body = b"\n".join(b'{"n":%d,"pad":"%s"}' % (i, b"x" * 900) for i in range(4_000))
    accepted, refused, odd = [], [], []
    lock = threading.Lock()

    def send():
        for _ in range(6):
            answer = post(up, body)
            with lock:
                if answer.status_code == 202:
                    accepted.append(answer.json()["accepted"])
                elif answer.status_code in (429, 503) and "Retry-After" in answer.headers:
                    refused.append(answer)
                else:
                    odd.append(answer.text)

    senders = [threading.Thread(target=send) for _ in range(40)]
    for sender in senders:
        sender.start()
    most = 0
    while any(sender.is_alive() for sender in senders):
        most = max(most, up.resident_bytes())
        senders[0].join(0.05)
    assert not odd, odd[:3]
    assert accepted
    assert most < 1_500 << 20, f"{most >> 20} MiB"
    partly = sum(r.json().get("accepted", 0) for r in refused if "json" in r.headers.get("Content-Type", ""))
    stats = requests.get(up.doors["admin"] + "/metrics", timeout=30).text
    line = next(row for row in stats.splitlines() if 'afluente_ingest_messages_total{outcome="accepted"}' in row)
    assert int(float(line.split()[-1])) == sum(accepted) + partly
    assert post(up, b"1\n").status_code == 202
