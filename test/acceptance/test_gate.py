"""Doors that left loopback ask who comes: ID tokens, roles, Google's forms of refusal; keys over https."""
import ssl
import time

import grpc
import pytest
import requests
from certificates import Authority
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from instance import Instance, run_afluente
from openid_issuer import OpenIdIssuer
from tokens import Issuer

SPEC = """\
project: test-project
topics: {Data: {}}
subscriptions: {sub: {topic: Data}}
datasets: {ds: {}, secret: {}}
access:
  members: ["domain:ltm.example"]
  login: {issuer: "ISSUER", client_id: web-client}
  roles:
    viewer: ["user:vera@ltm.example"]
    operator: ["user:oleg@ltm.example"]
    publisher: ["serviceAccount:device@test-project.iam.gserviceaccount.com"]
    admin: ["user:ada@ltm.example"]
  datasets: {secret: {members: ["user:ada@ltm.example"]}}
"""
DEVICE = "device@test-project.iam.gserviceaccount.com"
TOPIC = "projects/test-project/topics/Data"
SUBSCRIPTION = "projects/test-project/subscriptions/sub"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    directory = tmp_path_factory.mktemp("issuer")
    authority = Authority(directory)
    authority.write(directory)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    issuer = OpenIdIssuer(tls)
    issuer.authority = authority
    with issuer.serving():
        yield issuer


@pytest.fixture(scope="module")
def gated(tmp_path_factory, issuer):
    instance = Instance(tmp_path_factory.mktemp("gated"), SPEC.replace("ISSUER", issuer.url))
    instance.environment = {"SSL_CERT_FILE": str(issuer.authority.file)}
    instance.start("--pubsub-listen", "0.0.0.0:0", "--admin-listen", "0.0.0.0:0", "--proxy-listen", "0.0.0.0:0")
    yield instance
    if instance.running():
        instance.terminate()


def address(gated, door):
    return gated.doors[door].removeprefix("http://").replace("0.0.0.0", "127.0.0.1")


def rest(gated, path, token=None, method="GET", door="pubsub", **options):
    headers = {"Authorization": "Bearer " + token} if token else {}
    return requests.request(method, f"http://{address(gated, door)}{path}", headers=headers, timeout=30, **options)


class WithToken(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    def __init__(self, token):
        self.token = token

    def _with(self, details):
        metadata = [*(details.metadata or []), ("authorization", "Bearer " + self.token)]
        return details._replace(metadata=metadata)

    def intercept_unary_unary(self, go_on, details, request):
        return go_on(self._with(details), request)

    def intercept_stream_stream(self, go_on, details, requests_of):
        return go_on(self._with(details), requests_of)


def channel(gated, token=None):
    plain = grpc.insecure_channel(address(gated, "pubsub"))
    return grpc.intercept_channel(plain, WithToken(token)) if token else plain


def publisher(gated, token=None):
    return pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel(gated, token)))


def subscriber(gated, token=None):
    return pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel(gated, token)))


def test_rest_refuses_in_googles_form(gated, issuer):
    unknown = rest(gated, "/v1/projects/test-project/topics")
    assert unknown.status_code == 401
    error = unknown.json()["error"]
    assert (error["code"], error["status"]) == (401, "UNAUTHENTICATED")
    assert rest(gated, "/v1/projects/test-project/topics", issuer.token("vera@ltm.example")).status_code == 200
    refused = rest(gated, f"/v1/{TOPIC}:publish", issuer.token("vera@ltm.example"), "POST",
                   json={"messages": [{"data": "eA=="}]})
    assert refused.status_code == 403
    error = refused.json()["error"]
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    answer = rest(gated, f"/v1/{TOPIC}:publish", issuer.token(DEVICE), "POST", json={"messages": [{"data": "eA=="}]})
    assert answer.status_code == 200, answer.text
    two = requests.get(f"http://{address(gated, 'pubsub')}/v1/projects/test-project/topics", timeout=30,
                       headers={"Authorization": "Bearer " + issuer.token("vera@ltm.example") + ", Bearer x"})
    assert two.status_code == 401


def test_grpc_refuses_with_googles_codes(gated, issuer):
    with pytest.raises(exceptions.Unauthenticated):
        publisher(gated).publish(TOPIC, b"x", retry=None).result(timeout=60)
    with pytest.raises(exceptions.PermissionDenied):
        publisher(gated, issuer.token("oleg@ltm.example")).publish(TOPIC, b"x").result(timeout=60)
    publisher(gated, issuer.token(DEVICE)).publish(TOPIC, b"by the device").result(timeout=60)
    with pytest.raises(exceptions.PermissionDenied):
        subscriber(gated, issuer.token(DEVICE)).pull(subscription=SUBSCRIPTION, max_messages=1)
    with pytest.raises(exceptions.PermissionDenied):
        subscriber(gated, issuer.token("oleg@ltm.example")).delete_subscription(subscription=SUBSCRIPTION)
    admin = subscriber(gated, issuer.token("ada@ltm.example"))
    admin.create_subscription(name="projects/test-project/subscriptions/new", topic=TOPIC)


def test_streaming_pull_is_asked_too(gated, issuer):
    publisher(gated, issuer.token(DEVICE)).publish(TOPIC, b"for the stream").result(timeout=60)
    got = []
    client = subscriber(gated, issuer.token("oleg@ltm.example"))
    future = client.subscribe(SUBSCRIPTION, lambda message: (got.append(message.data), message.ack()))
    deadline = time.monotonic() + 60
    while b"for the stream" not in got and time.monotonic() < deadline:
        time.sleep(0.01)
    future.cancel()
    assert b"for the stream" in got
    for token, refusal in ((None, exceptions.Unauthenticated), (issuer.token(DEVICE), exceptions.PermissionDenied)):
        with pytest.raises(refusal):
            subscriber(gated, token).subscribe(SUBSCRIPTION, lambda message: None).result(timeout=60)


def test_the_admin_door_is_asked(gated, issuer):
    assert rest(gated, "/healthz", door="admin").status_code == 200
    assert rest(gated, "/metrics", door="admin").status_code == 401
    assert rest(gated, "/metrics", issuer.token("eve@ltm.example"), door="admin").status_code == 403
    assert rest(gated, "/metrics", issuer.token("vera@ltm.example"), door="admin").status_code == 200
    query = {"sql": "SELECT 1 AS one"}
    assert rest(gated, "/v1/query", issuer.token("vera@ltm.example"), "POST", "admin", json=query).status_code == 403
    assert rest(gated, "/v1/query", issuer.token("oleg@ltm.example"), "POST", "admin", json=query).status_code == 200


def test_datasets_have_members_of_their_own_at_the_admin_door_too(gated, issuer):
    def ask(user, sql):
        return rest(gated, "/v1/query", issuer.token(user + "@ltm.example"), "POST", "admin", json={"sql": sql})
    for dataset in ("ds", "secret"):
        made = ask("ada", f"CREATE TABLE {dataset}.kept AS SELECT 'value {dataset}' AS word")
        assert made.status_code == 200, made.text
    assert ask("ada", "SELECT word FROM secret.kept").json()["rows"] == [{"word": "value secret"}]
    assert ask("oleg", "SELECT word FROM ds.kept").json()["rows"] == [{"word": "value ds"}]
    for sql in ("SELECT word FROM secret.kept", "SELECT (SELECT word FROM `secret`.kept) FROM ds.kept",
                "WITH t AS (SELECT * FROM `test-project.secret.kept`) SELECT * FROM t", "DELETE FROM secret.kept WHERE TRUE",
                "INSERT INTO ds.kept SELECT * FROM secret.kept", "CREATE TABLE ds.copy AS SELECT * FROM secret.kept",
                "SELECT * FROM ds.kept; SELECT * FROM secret.kept", "EXECUTE IMMEDIATE 'SELECT * FROM secret.kept'",
                "DROP TABLE secret.kept", "TRUNCATE TABLE secret.kept"):
        refused = ask("oleg", sql)
        assert refused.status_code == 403 and "value secret" not in refused.text, (sql, refused.text)
    view = ask("ada", "CREATE VIEW ds.window AS SELECT * FROM secret.kept")
    assert view.status_code == 200, view.text
    assert ask("oleg", "SELECT * FROM ds.window").status_code == 403
    assert ask("ada", "SELECT COUNT(*) AS n FROM secret.kept").json()["rows"] == [{"n": 1}]


def test_the_bigquery_door_takes_the_same_tokens_and_outlives_those_that_are_none(gated, issuer):
    path = "/bigquery/v2/projects/test-project/datasets"
    for token in ("x", "a.b.c", issuer.token("vera@ltm.example")[:-4] + "AAAA", None):
        assert rest(gated, path, token, door="bigquery").status_code == 401, token
    listed = rest(gated, path, issuer.token("vera@ltm.example"), door="bigquery").json()["datasets"]
    assert [each["datasetReference"]["datasetId"] for each in listed] == ["ds"]
    for place in ("/ds", "/secret"):
        assert rest(gated, path + place, issuer.token("eve@ltm.example"), door="bigquery").status_code == 403
    assert gated.running()


def test_client_commands_carry_a_token(gated, issuer):
    run_afluente("check", "--data-dir", gated.data_dir, code=1)
    for user in ("oleg@ltm.example", "ada@ltm.example"):
        run_afluente("check", "--data-dir", gated.data_dir, environment={"AFLUENTE_TOKEN": issuer.token(user)})
    run_afluente("publish", "Data", "--data-dir", gated.data_dir, stdin="{}\n",
                 environment={"AFLUENTE_TOKEN": issuer.token(DEVICE)})


@pytest.mark.parametrize("changes", [{"aud": "another-client"}, {"iss": "https://elsewhere.example"},
                                     {"exp": int(time.time()) - 100}, {"email_verified": False}, {"email": None}])
def test_tokens_that_say_something_else_are_refused(gated, issuer, changes):
    said = {"email": "ada@ltm.example", **changes}
    token = issuer.token(said.pop("email"), **said)
    assert rest(gated, "/v1/projects/test-project/topics", token).status_code == 401


def test_keys_over_https_are_fetched_once_for_an_unknown_kid_and_outlive_an_outage(gated, issuer):
    path = "/v1/projects/test-project/topics"
    assert rest(gated, path, issuer.token("vera@ltm.example")).status_code == 200
    # A new key: refetched, as soon as a refresh is due again.
    issuer.keys.append(Issuer("login-2", bits=2048))
    deadline = time.monotonic() + 90
    while rest(gated, path, issuer.token("vera@ltm.example", key=1)).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    asked = issuer.key_requests
    stranger = Issuer("unknown", bits=2048)
    for _ in range(20):
        forged = stranger.token(iss=issuer.url, aud="web-client", email="ada@ltm.example", email_verified=True)
        assert rest(gated, path, forged).status_code == 401
    assert issuer.key_requests <= asked + 1
    issuer.down = True
    try:
        assert rest(gated, path, issuer.token("vera@ltm.example", nonce="again")).status_code == 200
    finally:
        issuer.down = False


def test_an_issuer_whose_certificate_is_not_trusted_gives_no_keys(tmp_path, issuer):
    instance = Instance(tmp_path, SPEC.replace("ISSUER", issuer.url))
    instance.environment = {"SSL_CERT_FILE": "/nowhere"}
    instance.start("--pubsub-listen", "0.0.0.0:0")
    refused = rest(instance, "/v1/projects/test-project/topics", issuer.token("ada@ltm.example"))
    assert refused.status_code == 503 and refused.json()["error"]["status"] == "UNAVAILABLE"
    instance.terminate()
