"""Push subscriptions, received by an HTTP server of the test."""
import base64
import contextlib
import json
import queue
import urllib.request

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from outcome import Wrong, expect, require
from push_receiver import Receiver
from python_client.session import QUICK, scenarios

ACCOUNT = "pusher@test-project.iam.gserviceaccount.com"


@contextlib.contextmanager
def receiving(s, push_config=None, codes=(), **settings):
    """A topic with a push subscription to a receiver of its own."""
    receiver = Receiver(codes)
    topic = s.topic()
    subscription = s.subscription(topic, push_config={"push_endpoint": receiver.url, **(push_config or {})}, **settings)
    try:
        yield receiver, topic, subscription
    finally:
        s.subscriber.delete_subscription(request={"subscription": subscription}, **QUICK)
        receiver.close()


@scenarios("push")
def push(s):
    with receiving(s, enable_message_ordering=True) as (receiver, topic, subscription):
        ids = s.publish_messages(topic, [{"data": b"pushed", "attributes": {"a": "1"}, "ordering_key": "k"}])
        headers, body = receiver.take()
        envelope = json.loads(body)
        expect("content type", headers.get("content-type", "").split(";")[0], "application/json")
        expect("subscription", envelope["subscription"], subscription)
        message = envelope["message"]
        expect("data", base64.b64decode(message["data"]), b"pushed")
        expect("attributes", message["attributes"], {"a": "1"})
        expect("id", message["messageId"], ids[0])
        expect("ordering key", message.get("orderingKey"), "k")
        require("no publishTime", message.get("publishTime"))
        with contextlib.suppress(queue.Empty):
            receiver.requests.get(timeout=1)
            raise Wrong("pushed again after success")
        s.subscriber.modify_push_config(request={"subscription": subscription, "push_config": {}}, **QUICK)
        s.publish_messages(topic, [{"data": b"pulled"}])
        expect("pull after ModifyPushConfig", s.take(subscription, 1)[0].message.data, b"pulled")


@scenarios("push-unwrapped")
def push_unwrapped(s):
    with receiving(s, {"no_wrapper": {"write_metadata": True}}) as (receiver, topic, subscription):
        ids = s.publish_messages(topic, [{"data": b"\x00raw\xff", "attributes": {"tenant": "t1"}}])
        headers, body = receiver.take()
        expect("body", body, b"\x00raw\xff")
        expect("x-goog-pubsub-message-id", headers.get("x-goog-pubsub-message-id"), ids[0])
        expect("x-goog-pubsub-subscription-name", headers.get("x-goog-pubsub-subscription-name"), subscription)
        require("no x-goog-pubsub-publish-time", headers.get("x-goog-pubsub-publish-time"))
        expect("the attribute as a header", headers.get("tenant"), "t1")
    with receiving(s, {"no_wrapper": {"write_metadata": False}}) as (receiver, topic, subscription):
        s.publish_messages(topic, [{"data": b"bare", "attributes": {"tenant": "t1"}}])
        headers, body = receiver.take()
        expect("body", body, b"bare")
        require("metadata without write_metadata", not [h for h in headers if h.startswith("x-goog-pubsub")])


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def number(text):
    return int.from_bytes(decoded(text), "big")


def verify(token, issuer):
    """Checks an RS256 token against the keys that the issuer's discovery document names."""
    header, _, signature = token.split(".")
    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=10) as answer:
        keys_at = json.load(answer)["jwks_uri"]
    with urllib.request.urlopen(keys_at, timeout=10) as answer:
        keys = json.load(answer)["keys"]
    kid = json.loads(decoded(header))["kid"]
    key = next((k for k in keys if k["kid"] == kid), None)
    require(f"the issuer serves no key {kid}", key)
    public = rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
    public.verify(decoded(signature), token.rsplit(".", 1)[0].encode(), padding.PKCS1v15(), hashes.SHA256())


@scenarios("push-oidc")
def push_oidc(s):
    config = {"oidc_token": {"service_account_email": ACCOUNT, "audience": "the-audience"}}
    with receiving(s, config) as (receiver, topic, _):
        s.publish_messages(topic, [{"data": b"signed"}])
        headers, _ = receiver.take()
        authorization = headers.get("authorization", "")
        require("no bearer token", authorization.startswith("Bearer "))
        token = authorization.removeprefix("Bearer ")
        claims = json.loads(decoded(token.split(".")[1]))
        expect("algorithm", json.loads(decoded(token.split(".")[0]))["alg"], "RS256")
        expect("aud", claims["aud"], "the-audience")
        expect("email", claims["email"], ACCOUNT)
        expect("email_verified", claims["email_verified"], True)
        require(f"life of {claims['exp'] - claims['iat']} s", 0 < claims["exp"] - claims["iat"] <= 3600)
        expect("iss", claims["iss"], "https://accounts.google.com")
        verify(token, s.server.keys_at or claims["iss"])
    with receiving(s, {"oidc_token": {"service_account_email": ACCOUNT}}) as (receiver, topic, _):
        s.publish_messages(topic, [{"data": b"signed"}])
        token = receiver.take()[0].get("authorization", "").removeprefix("Bearer ")
        require("no bearer token without an audience", token)
        expect("the default audience", json.loads(decoded(token.split(".")[1]))["aud"], receiver.url)


@scenarios("push-retry")
def push_retry(s):
    with receiving(s, codes=[500, 429, 202]) as (receiver, topic, _):
        s.publish_messages(topic, [{"data": b"retried"}])
        ids = [json.loads(receiver.take(30)[1])["message"]["messageId"] for _ in range(3)]
        expect("the same message", len(set(ids)), 1)
        with contextlib.suppress(queue.Empty):
            receiver.requests.get(timeout=3)
            raise Wrong("pushed again after 202")
