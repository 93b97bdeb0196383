"""JavaScript single message transforms."""
from google.api_core import exceptions

from outcome import Wrong, expect, expect_error
from python_client.session import QUICK, scenarios

UPPER = """
function upper(message, metadata) {
  if (message.attributes.drop) return null;
  if (message.data === "throw") throw new Error("told to");
  return {data: message.data.toUpperCase(), attributes: {...message.attributes, by: "script"}};
}
"""


def script(name, code):
    return {"javascript_udf": {"function_name": name, "code": code}}


def texts(received):
    return sorted(r.message.data.decode() for r in received)


@scenarios("transform-topic")
def on_topic(s):
    topic = s.topic(message_transforms=[script("upper", UPPER)])
    subscription = s.subscription(topic)
    stored = s.publisher.get_topic(request={"topic": topic}, **QUICK)
    expect("the transform kept", stored.message_transforms[0].javascript_udf.function_name, "upper")
    s.publish_messages(topic, [{"data": b"hello", "attributes": {"a": "1"}},
                               {"data": b"gone", "attributes": {"drop": "1"}}])
    message = s.take(subscription, 1)[0].message
    expect("data", message.data, b"HELLO")
    expect("attributes", dict(message.attributes), {"a": "1", "by": "script"})
    s.none(subscription, "a dropped message arrived")
    try:
        s.publish_messages(topic, [{"data": b"fine"}, {"data": b"throw"}])
        raise Wrong("a publish whose transform throws is accepted")
    except exceptions.MethodNotImplemented:
        raise
    except exceptions.GoogleAPICallError:
        pass
    s.none(subscription, "part of a failed publish arrived")
    expect_error("a script that does not parse", "INVALID_ARGUMENT", s.topic,
                 message_transforms=[script("f", "function f( {")])
    expect_error("a function that is not there", "INVALID_ARGUMENT", s.topic,
                 message_transforms=[script("other", UPPER)])


@scenarios("transform-subscription")
def on_subscription(s):
    topic = s.topic()
    plain = s.subscription(topic)
    changed = s.subscription(topic, message_transforms=[
        script("upper", UPPER), script("mark", "function mark(m, d) { return {data: m.data + '!' + d.message_id}; }")])
    ids = s.publish_messages(topic, [{"data": b"hello", "attributes": {"a": "1"}},
                                     {"data": b"gone", "attributes": {"drop": "1"}}])
    expect("without a transform", texts(s.take(plain, 2)), ["gone", "hello"])
    message = s.take(changed, 1)[0].message
    expect("with two transforms", message.data.decode(), f"HELLO!{ids[0]}")
    s.none(changed, "a dropped message arrived")
    dead = s.topic()
    letters = s.subscription(dead)
    failing = s.subscription(topic, message_transforms=[script("upper", UPPER)],
                             retry_policy={"minimum_backoff": {"seconds": 0}, "maximum_backoff": {"seconds": 0}},
                             dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    s.publish_messages(topic, [{"data": b"throw"}])
    s.pull(failing, seconds=5)
    expect("a message whose transform throws is dead-lettered untransformed", texts(s.take(letters, 1, 20)), ["throw"])
