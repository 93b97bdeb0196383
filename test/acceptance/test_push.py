"""Push subscriptions: what arrives at a web service, and what its answers do."""
import collections
import threading
import time

import jwt
import pytest
from google.api_core import exceptions
from google.auth.transport import requests as transport
from google.cloud import pubsub_v1
from google.oauth2 import id_token

from google_clients import QUICK, Clients
from instance import wait_until
from pipeline import EVENTS
from push_endpoint import Endpoint, make_certificate


@pytest.fixture
def endpoint():
    made = Endpoint()
    yield made
    made.close()


def push_to(endpoint, **config):
    return pubsub_v1.types.PushConfig(push_endpoint=getattr(endpoint, "url", endpoint), **config)


def acked(shared, name):
    """Nothing of the subscription is left to deliver."""
    line = f'subscription_num_undelivered_messages{{project_id="{name.split("/")[1]}",subscription_id="{name.split("/")[3]}"}}'
    page = shared.admin("/metrics").text
    value = next(row.split()[-1] for row in page.splitlines() if line in row)
    return float(value) == 0


def test_a_wrapped_message_has_pubsubs_json(shared, clients, endpoint):
    topic = clients.topic()
    name = clients.subscription(topic, push_config=push_to(endpoint), enable_message_ordering=True)
    ids = clients.publish_messages(topic, [
        {"data": b"\x00\xffbytes", "attributes": {"k": "ñ\n\"v"}, "ordering_key": "key"}])
    wait_until(lambda: endpoint.pushes)
    push = endpoint.pushes[0]
    message = push.json["message"]
    assert push.path == "/push?token=1" and push.headers["Content-Type"] == "application/json"
    assert push.headers["User-Agent"].startswith("APIs-Google")
    assert push.json["subscription"] == name and "deliveryAttempt" not in push.json
    assert push.data == b"\x00\xffbytes" and message["attributes"] == {"k": "ñ\n\"v"}
    assert message["messageId"] == message["message_id"] == ids[0]
    assert message["publishTime"] == message["publish_time"] and message["publishTime"].endswith("Z")
    assert message["orderingKey"] == "key"
    assert set(message) == {"data", "attributes", "messageId", "message_id", "publishTime", "publish_time",
                            "orderingKey"}
    wait_until(lambda: acked(shared, name))


def test_an_unwrapped_message_is_its_data_and_metadata_headers_on_demand(clients, endpoint):
    topic = clients.topic()
    plain = {"no_wrapper": {"write_metadata": False}}
    clients.subscription(topic, push_config=push_to(endpoint.url + "&kind=plain", **plain))
    named = clients.subscription(topic, push_config=push_to(endpoint.url + "&kind=metadata",
                                                            no_wrapper={"write_metadata": True}))
    ids = clients.publish_messages(topic, [{"data": b"\x00raw", "attributes": {
        "Content-Type": "text/csv", "tenant": "7", "Host": "evil", "eol": "a\r\nX-Injected: 1"}}])
    wait_until(lambda: len(endpoint.pushes) == 2)
    pushes = {push.path.rsplit("=")[-1]: push for push in endpoint.pushes}
    assert all(push.body == b"\x00raw" for push in endpoint.pushes)
    assert pushes["plain"].headers["tenant"] is None
    assert pushes["plain"].headers["x-goog-pubsub-message-id"] is None
    headers = pushes["metadata"].headers
    assert headers["tenant"] == "7" and headers["Content-Type"] == "text/csv"
    assert headers["x-goog-pubsub-message-id"] == ids[0]
    assert headers["x-goog-pubsub-subscription-name"] == named
    assert headers["x-goog-pubsub-publish-time"].endswith("Z")
    assert headers["x-goog-pubsub-ordering-key"] is None
    assert headers["Host"].startswith("localhost:") and headers["X-Injected"] is None and headers["eol"] is None


@pytest.mark.parametrize("status", [102, 200, 201, 202, 204])
def test_a_success_code_acknowledges(shared, clients, endpoint, status):
    endpoint.answer = lambda push: status
    topic, name = clients.pair(push_config=push_to(endpoint))
    clients.publish(topic, b"m")
    wait_until(lambda: acked(shared, name))
    time.sleep(0.5)
    assert endpoint.datas() == [b"m"]


@pytest.mark.parametrize("status", [203, 206, 301, 400, 404, 429, 500, 503])
def test_any_other_code_brings_the_message_again(shared, clients, endpoint, status):
    answers = iter([status, status])
    endpoint.answer = lambda push: next(answers, 200)
    topic, name = clients.pair(push_config=push_to(endpoint))
    clients.publish(topic, b"m")
    wait_until(lambda: acked(shared, name))
    assert endpoint.datas() == [b"m"] * 3


def test_failures_are_followed_by_pauses_that_grow(clients, endpoint):
    endpoint.answer = lambda push: 500
    topic, _ = clients.pair(push_config=push_to(endpoint))
    clients.publish(topic, b"m")
    wait_until(lambda: len(endpoint.pushes) >= 5)
    times = [push.time for push in endpoint.pushes]
    pauses = [b - a for a, b in zip(times, times[1:])][:4]
    for pause, expected in zip(pauses, [0.1, 0.2, 0.4, 0.8]):
        assert expected * 0.9 <= pause <= expected + 1, pauses


def test_a_service_that_does_not_answer_is_asked_again_after_the_ack_deadline(shared, clients, endpoint):
    silent = threading.Event()
    endpoint.answer = lambda push: silent.wait(30) and 200 if len(endpoint.pushes) == 1 else 200
    topic, name = clients.pair(push_config=push_to(endpoint), ack_deadline_seconds=10)
    clients.publish(topic, b"m")
    wait_until(lambda: len(endpoint.pushes) == 2, seconds=20)
    assert 9.5 <= endpoint.pushes[1].time - endpoint.pushes[0].time <= 14
    wait_until(lambda: acked(shared, name))
    silent.set()


def test_a_service_that_is_not_there_yet_gets_everything_later(shared, clients):
    first = Endpoint()
    first.close()
    topic, name = clients.pair(push_config=push_to(first))
    clients.publish(topic, *(str(i).encode() for i in range(20)))
    time.sleep(1)
    endpoint = Endpoint(port=first.port)
    try:
        wait_until(lambda: acked(shared, name), seconds=30)
        assert sorted(endpoint.datas(), key=int) == [str(i).encode() for i in range(20)]
    finally:
        endpoint.close()


def test_a_key_has_one_push_under_way_and_keeps_its_order(shared, clients, endpoint):
    under_way, overlaps, failed = collections.Counter(), [], set()

    def answer(push):
        key = push.json["message"]["orderingKey"]
        under_way[key] += 1
        overlaps.append(under_way[key])
        time.sleep(0.005)
        under_way[key] -= 1
        # Every seventh fails the first time.
        if int(push.data) % 7 == 3 and (key, push.data) not in failed:
            failed.add((key, push.data))
            return 500
        return 200

    endpoint.answer = answer
    topic, name = clients.pair(push_config=push_to(endpoint), enable_message_ordering=True)
    for i in range(15):
        clients.publish_messages(topic, [{"data": str(i).encode(), "ordering_key": key} for key in "abc"])
    wait_until(lambda: acked(shared, name), seconds=40)
    assert max(overlaps) == 1 and len(failed) == 6
    for key in "abc":
        seen = [int(p.data) for p in endpoint.pushes if p.json["message"]["orderingKey"] == key]
        expected = [i for i in range(15) for _ in range(2 if i % 7 == 3 else 1)]
        assert seen == expected, seen


def test_pull_becomes_push_and_back_while_it_runs(clients, endpoint):
    topic, name = clients.pair()
    clients.publish(topic, b"waited")
    update = {"subscription": {"name": name, "push_config": push_to(endpoint)}, "update_mask": {"paths": ["push_config"]}}
    clients.subscriber.update_subscription(request=update, **QUICK)
    wait_until(lambda: endpoint.datas() == [b"waited"])
    clients.publish(topic, b"pushed")
    wait_until(lambda: endpoint.datas() == [b"waited", b"pushed"])
    other = Endpoint()
    try:
        update["subscription"]["push_config"] = push_to(other)
        clients.subscriber.update_subscription(request=update, **QUICK)
        clients.publish(topic, b"elsewhere")
        wait_until(lambda: other.datas() == [b"elsewhere"])
    finally:
        other.close()
    update["subscription"]["push_config"] = {}
    clients.subscriber.update_subscription(request=update, **QUICK)
    clients.publish(topic, b"pulled")
    received = clients.pull_all(name, 1)
    assert [r.message.data for r in received] == [b"pulled"]
    assert endpoint.datas() == [b"waited", b"pushed"]


def test_a_push_subscription_is_not_pulled(clients, endpoint):
    _, name = clients.pair(push_config=push_to(endpoint))
    with pytest.raises(exceptions.FailedPrecondition, match="not supported for this subscription type"):
        clients.pull(name)
    stream = clients.stream(name, lambda message: message.ack())
    with pytest.raises(exceptions.FailedPrecondition, match="not supported for this subscription type"):
        stream.result(timeout=10)


def test_a_deleted_subscription_is_pushed_no_more(clients, endpoint):
    endpoint.answer = lambda push: 500
    topic, name = clients.pair(push_config=push_to(endpoint))
    clients.publish(topic, b"m")
    wait_until(lambda: endpoint.pushes)
    clients.subscriber.delete_subscription(request={"subscription": name}, **QUICK)
    before = len(endpoint.pushes)
    time.sleep(1.5)
    assert len(endpoint.pushes) <= before + 1


def test_many_messages_arrive_once_each_over_few_connections(shared, clients, endpoint):
    topic, name = clients.pair(push_config=push_to(endpoint))
    for batch in range(4):
        clients.publish(topic, *(f"{batch}-{i}".encode() for i in range(500)))
    wait_until(lambda: acked(shared, name), seconds=60)
    datas = endpoint.datas()
    assert len(datas) == len(set(datas)) == 2000
    assert endpoint.connections < 1100


def test_nothing_is_lost_by_a_kill(launch, endpoint):
    seen = collections.Counter()
    lock = threading.Lock()

    def answer(push):
        with lock:
            seen[push.data] += 1
        return 503 if len(push.data) % 3 == 0 and seen[push.data] == 1 else 200

    endpoint.answer = answer
    instance = launch()
    clients = Clients(instance)
    topic, name = clients.pair(push_config=push_to(endpoint))
    expected = [f"message {i}".encode() for i in range(600)]
    for start in range(0, 600, 100):
        clients.publish(topic, *expected[start:start + 100])
    clients.close()
    for _ in range(3):
        count = len(endpoint.pushes)
        wait_until(lambda: len(endpoint.pushes) > count or len(seen) == 600)
        instance.restart()
    wait_until(lambda: acked(instance, name), seconds=40)
    assert set(seen) == set(expected)
    # What was acknowledged before a kill is not pushed after a clean stop.
    count = len(endpoint.pushes)
    instance.terminate()
    instance.start()
    time.sleep(1)
    assert len(endpoint.pushes) == count


def test_a_clean_stop_waits_for_the_answers_under_way(launch, endpoint):
    began = threading.Event()

    def answer(push):
        began.set()
        time.sleep(1)
        return 200

    endpoint.answer = answer
    instance = launch()
    clients = Clients(instance)
    topic, _ = clients.pair(push_config=push_to(endpoint))
    clients.publish(topic, b"m")
    clients.close()
    assert began.wait(10)
    instance.terminate()
    instance.start()
    time.sleep(1)
    assert len(endpoint.pushes) == 1


def test_tls_needs_a_certificate_that_this_machine_trusts(launch, tmp_path):
    certificate = make_certificate(tmp_path)
    endpoint = Endpoint(certificate=certificate)
    try:
        for name, environment in (("distrusts", {}), ("trusts", {"SSL_CERT_FILE": str(certificate)})):
            instance = launch(spec=EVENTS, name=name, environment=environment)
            clients = Clients(instance)
            topic, _ = clients.pair(push_config=push_to(endpoint))
            clients.publish(topic, b"secret")
            clients.close()
            if not environment:
                time.sleep(1)
                assert endpoint.pushes == []
                instance.terminate()
        wait_until(lambda: endpoint.datas() == [b"secret"])
        # The name counts too.
        clients = Clients(instance)
        topic, _ = clients.pair(push_config=push_to(endpoint.url.replace("localhost", "127.0.0.2")))
        clients.publish(topic, b"other")
        clients.close()
        time.sleep(0.5)
        assert endpoint.datas() == [b"secret"]
    finally:
        endpoint.close()


def test_an_authenticated_push_has_a_token_that_other_libraries_verify(shared, clients, endpoint):
    account = "pusher@test-project.iam.gserviceaccount.com"
    topic = clients.topic()
    for audience in ("", "my-audience"):
        clients.subscription(topic, push_config=push_to(
            endpoint, oidc_token={"service_account_email": account, "audience": audience}))
    clients.publish(topic, b"1")
    wait_until(lambda: len(endpoint.pushes) == 2)
    clients.publish(topic, b"2")
    wait_until(lambda: len(endpoint.pushes) == 4)
    tokens = {push.headers["Authorization"].removeprefix("Bearer ") for push in endpoint.pushes}
    assert len(tokens) == 2  # one each, used again
    document = shared.admin("/.well-known/openid-configuration").json()
    keys = jwt.PyJWKClient(document["jwks_uri"])
    audiences = set()
    for token in tokens:
        unverified = jwt.decode(token, options={"verify_signature": False})
        claims = jwt.decode(token, keys.get_signing_key_from_jwt(token).key, algorithms=["RS256"],
                            audience=unverified["aud"], issuer=document["issuer"],
                            options={"require": ["iss", "aud", "azp", "sub", "iat", "exp"]})
        assert claims["email"] == account and claims["email_verified"] is True
        assert claims["exp"] - claims["iat"] == 3600
        audiences.add(claims["aud"])
        # As Google tells its users to ("Authentication for push subscriptions").
        again = id_token.verify_token(token, transport.Request(), audience=claims["aud"],
                                      certs_url=document["jwks_uri"])
        assert again["email"] == account
        header, payload, signature = token.split(".")
        forged = ".".join([header, payload, signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")])
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(forged, keys.get_signing_key_from_jwt(forged).key, algorithms=["RS256"], audience=claims["aud"])
    assert audiences == {endpoint.url, "my-audience"}


def test_the_keys_of_tokens_outlive_a_restart(launch, endpoint):
    instance = launch()
    clients = Clients(instance)
    topic, _ = clients.pair(push_config=push_to(endpoint, oidc_token={"service_account_email": "a@b.example"}))
    clients.publish(topic, b"m")
    clients.close()
    wait_until(lambda: endpoint.pushes)
    before = instance.admin("/oauth2/v3/certs").json()
    assert [key["kty"] for key in before["keys"]] == ["RSA"] and "d" not in before["keys"][0]
    instance.restart()
    assert instance.admin("/oauth2/v3/certs").json() == before
