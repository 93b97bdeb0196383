"""One trace id follows a message from its publisher through the function to the row and the API's answer."""
import json
import re
import secrets

import pytest
import requests
from google.cloud import pubsub_v1
from instance import run_afluente, wait_until
from opentelemetry import trace as opentelemetry_trace
from opentelemetry.sdk.trace import TracerProvider
from otlp_receiver import OtlpReceiver
from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pipeline import EVENTS, event, message, publish
from push_endpoint import Endpoint

ATTRIBUTE = "googclient_traceparent"
TRACED = EVENTS + 'traces: {endpoint: "ENDPOINT"}\nsources: {mqtt: {routes: {"devices/#": {topic: Data}}}}\n'


@pytest.fixture
def receiver():
    with OtlpReceiver().serving() as serving:
        yield serving


@pytest.fixture
def traced(launch, receiver):
    return launch(TRACED.replace("ENDPOINT", receiver.url))


def context(sampled=True):
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{'01' if sampled else '00'}"


def spans_of(receiver, trace, *names):
    """The trace's spans by name, once all of `names` are there."""
    wait_until(lambda: set(names) <= {span.name for span in receiver.of_trace(trace)}, 60,
               f"spans {names} (there are {sorted(span.name for span in receiver.spans)})")
    return {span.name: span for span in receiver.of_trace(trace)}


def retained(instance, topic="Data"):
    answer = instance.admin(f"/v1/peek?topic={topic}&limit=100")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def spans_total(instance):
    return {outcome: int(float(value)) for outcome, value in
            re.findall(r'^afluente_trace_spans_total\{outcome="(\w+)"\} (\S+)$', instance.admin("/metrics").text, re.M)}


def test_a_message_is_followed_by_one_id(traced, receiver):
    """Google's publisher begins the trace; the API's caller goes on with it."""
    opentelemetry_trace.set_tracer_provider(TracerProvider())
    with traced.client_environment() as project:
        publisher = pubsub_v1.PublisherClient(
            publisher_options=pubsub_v1.types.PublisherOptions(enable_open_telemetry_tracing=True))
    message_id = publisher.publish(f"projects/{project}/topics/Data", event(id=7, name="ana").encode()).result(timeout=60)
    publisher.stop()
    traced.drain()
    [stored] = retained(traced)
    trace, creator = stored["attributes"][ATTRIBUTE].split("-")[1:3]
    spans = spans_of(receiver, trace, "publish Data", "process store", "INSERT ds.events")
    published, processed, inserted = spans["publish Data"], spans["process store"], spans["INSERT ds.events"]
    assert published.parent == processed.parent == creator and inserted.parent == processed.id
    assert (published.kind, processed.kind) == ("SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER")
    assert published.attributes["messaging.message.id"] == processed.attributes["messaging.message.id"] == message_id
    assert processed.attributes["afluente.outcome"] == "stored" and processed.attributes["afluente.rows"] == 1
    assert published.start <= processed.start <= inserted.start <= inserted.end <= processed.end
    assert {span.resource["service.name"] for span in spans.values()} == {"afluente"}
    assert traced.value("SELECT id FROM ds.events WHERE _message_id = @id", f"id:STRING:{message_id}") == 7
    # The API, in the same trace.
    answer = traced.get("/events/7", headers={"traceparent": f"00-{trace}-{processed.id}-01"})
    assert answer.json()["rows"][0]["name"] == "ana"
    served = spans_of(receiver, trace, "GET /events/{id}")["GET /events/{id}"]
    assert answer.headers["traceparent"] == f"00-{trace}-{served.id}-01" and answer.headers["X-Request-Id"] == trace
    assert served.parent == processed.id and served.attributes["http.response.status_code"] == 200
    # The console.
    page = traced.admin(f"/v1/message?id={message_id}").json()
    assert page["trace_id"] == trace and page["outcomes"][0]["outcome"] == "stored"
    assert all(path == "/v1/traces" for path, _ in receiver.requests)


def test_what_fails_is_in_the_log_by_its_trace(traced, receiver):
    parent = context()
    trace = parent.split("-")[1]
    message_id, = publish(traced, [message(event(id="seven"), **{ATTRIBUTE: parent})])
    traced.drain()
    processed = spans_of(receiver, trace, "process store")["process store"]
    assert processed.attributes["afluente.outcome"] == "dead_lettered" and "id" in processed.error
    lines = traced.admin(f"/v1/logs?contains={trace}").json()["lines"]
    assert [(line["message_id"], line["function"]) for line in lines] == [(message_id, "store")]


def test_the_door_makes_a_trace_where_there_is_none(traced, receiver, tmp_path):
    lines = tmp_path / "events.ndjson"
    lines.write_text("".join(event(id=i) + "\n" for i in range(3)), encoding="utf-8")
    traced.run("publish", "Data", "--file", lines)
    traced.drain()
    traces = [each["attributes"][ATTRIBUTE].split("-")[1] for each in retained(traced)]
    assert len(set(traces)) == 3
    for trace in traces:
        spans = spans_of(receiver, trace, "publish Data", "process store")
        assert spans["publish Data"].parent == "" and spans["process store"].parent == spans["publish Data"].id


def test_http_and_mqtt_bring_the_context_of_their_caller(traced, receiver):
    parent = context()
    answer = requests.post(traced.doors["ingest"] + "/ingest/Data", data=event(id=1) + "\n", timeout=30,
                           headers={"Content-Type": "application/x-ndjson", "traceparent": parent})
    assert answer.status_code == 202, answer.text
    by_mqtt = context()
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = ("traceparent", by_mqtt)
    host, port = traced.doors["mqtt"].rsplit(":", 1)
    device = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    device.connect(host, int(port))
    device.loop_start()
    wait_until(device.is_connected, 60, "the device is connected")
    device.publish("devices/1", event(id=2), qos=1, properties=properties).wait_for_publish(60)
    device.disconnect()
    device.loop_stop()
    traced.drain()
    for given in (parent, by_mqtt):
        _, trace, span, _ = given.split("-")
        assert spans_of(receiver, trace, "publish Data", "process store")["publish Data"].parent == span
    assert [each["attributes"][ATTRIBUTE] for each in retained(traced)] == [parent, by_mqtt]


def test_a_function_over_http_is_told_its_trace(launch, receiver):
    endpoint = Endpoint(answer=lambda push: 204)
    try:
        spec = TRACED.replace("    table: ds.events\n", f'    dataset: ds\n    transform: {{http: "{endpoint.url}"}}\n')
        instance = launch(spec.replace("ENDPOINT", receiver.url))
        parent = context()
        publish(instance, [message("{}", **{ATTRIBUTE: parent})])
        instance.drain()
        assert [push.headers["traceparent"] for push in endpoint.pushes] == [parent]
        processed = spans_of(receiver, parent.split("-")[1], "process store")["process store"]
        assert processed.attributes["afluente.outcome"] == "self_stored"
    finally:
        endpoint.close()


def test_others_decide_what_is_sampled(launch, receiver):
    instance = launch(TRACED.replace('"ENDPOINT"}', f'"{receiver.url}", sample_ratio: 0}}'))
    quiet, loud = context(sampled=False), context()
    publish(instance, [message(event(id=1), **{ATTRIBUTE: quiet}), message(event(id=2), **{ATTRIBUTE: loud}), event(id=3)])
    instance.drain()
    spans_of(receiver, loud.split("-")[1], "publish Data", "process store")
    made = retained(instance)[2]["attributes"][ATTRIBUTE]
    assert made.endswith("-00")  # it has an id all the same
    instance.terminate()
    assert receiver.of_trace(quiet.split("-")[1]) == receiver.of_trace(made.split("-")[1]) == []


def test_without_a_receiver_there_is_nothing(launch):
    instance = launch()
    publish(instance, [event(id=1)])
    instance.drain()
    answer = instance.get("/events/1")
    assert "traceparent" not in answer.headers and retained(instance)[0]["attributes"] == {}
    assert "afluente_trace_spans" not in instance.admin("/metrics").text


def test_a_receiver_that_refuses_costs_spans_alone(launch, receiver):
    receiver.status = 400
    instance = launch(TRACED.replace("ENDPOINT", receiver.url))
    publish(instance, [event(id=i) for i in range(5)])
    assert instance.outcome("store") == (5, 5, 0, 0)
    wait_until(lambda: spans_total(instance).get("refused", 0) >= 10, 60, "refused spans are counted")
    lines = instance.admin("/v1/logs?contains=traces%20are%20lost").json()["lines"]
    assert len(lines) == 1 and "400" in lines[0]["error"]
    receiver.status = 200
    publish(instance, [event(id=9)])
    wait_until(lambda: spans_total(instance).get("exported", 0) >= 3, 60, "spans are taken again")
    lost = spans_total(instance)["refused"]  # spans go in their order: all of the earlier ones are counted
    receiver.answer = b'{"partialSuccess": {"rejectedSpans": "1"}}'
    publish(instance, [event(id=10)])
    wait_until(lambda: spans_total(instance)["refused"] > lost, 60, "the spans of a partial success are counted")


def test_a_receiver_that_is_away_does_not_hold_up_the_end(launch):
    with OtlpReceiver().serving() as gone:
        url = gone.url
    instance = launch(TRACED.replace("ENDPOINT", url))
    publish(instance, [event(id=1)])
    assert instance.outcome("store") == (1, 1, 0, 0)
    instance.terminate()


def test_the_environment_names_the_receiver_too(launch, receiver):
    instance = launch(environment={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url + "/", "OTEL_SERVICE_NAME": "shop",
                                   "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20key"})
    publish(instance, [event(id=1)])
    instance.drain()
    wait_until(lambda: receiver.spans, 60, "a span")
    assert receiver.spans[0].resource["service.name"] == "shop"
    path, headers = receiver.requests[0]
    assert path == "/v1/traces" and headers["api-key"] == "a key"


@pytest.mark.parametrize(("name", "value"), [
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_TRACES_SAMPLER", "always_on"),
    ("OTEL_TRACES_SAMPLER_ARG", "2"), ("OTEL_EXPORTER_OTLP_HEADERS", "no value: here"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4317")])
def test_what_is_not_done_is_refused_by_name(tmp_path, name, value):
    (tmp_path / "afluente.yaml").write_text("project: test-project\n", encoding="utf-8")
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", name: value}
    if name == "OTEL_TRACES_SAMPLER_ARG":
        environment["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
    refused = run_afluente("up", tmp_path / "afluente.yaml", "--ephemeral-ports", "--data-dir", tmp_path / "data", code=2,
                           environment=environment)
    assert name.removesuffix("_ARG") in refused.stderr


@pytest.mark.parametrize("traces", ["{}", "{endpoint: 127.0.0.1:4318}", "{endpoint: 'http://h/?x=1'}",
                                    "{endpoint: 'http://h', sample_ratio: 1.5}", "{endpoint: 'http://h', sample: 1}"])
def test_the_specification_is_checked(tmp_path, traces):
    spec = tmp_path / "afluente.yaml"
    spec.write_text(f"project: test-project\ntraces: {traces}\n", encoding="utf-8")
    refused = run_afluente("validate", spec, code=2)
    assert re.search(r"afluente\.yaml:2:\d+: .*(traces|endpoint|sample)", refused.stderr + refused.stdout)
