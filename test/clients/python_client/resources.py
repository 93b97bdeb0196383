"""Topics, subscriptions, labels, pages, errors, detaching, expiration."""
import datetime

from google.protobuf import duration_pb2, field_mask_pb2
from google.pubsub_v1.types import ExpirationPolicy

from outcome import expect, expect_error, require
from python_client.session import QUICK, scenarios


def mask(*paths):
    return field_mask_pb2.FieldMask(paths=paths)


def seconds(count):
    return duration_pb2.Duration(seconds=count)


def listed(pager):
    return {item if isinstance(item, str) else item.name for item in pager}


@scenarios("topics")
def topics(s):
    topic, subscription = s.pair()
    expect("the topic", s.publisher.get_topic(request={"topic": topic}, **QUICK).name, topic)
    require("ListTopics lacks the topic", topic in listed(s.publisher.list_topics(request={"project": s.project}, **QUICK)))
    of_topic = s.publisher.list_topic_subscriptions(request={"topic": topic}, **QUICK)
    expect("ListTopicSubscriptions", listed(of_topic), {subscription})
    s.publisher.delete_topic(request={"topic": topic}, **QUICK)
    expect_error("GetTopic after delete", "NOT_FOUND", s.publisher.get_topic, request={"topic": topic}, **QUICK)
    orphan = s.subscriber.get_subscription(request={"subscription": subscription}, **QUICK)
    expect("topic of the subscription left behind", orphan.topic, "_deleted-topic_")


@scenarios("topic-update")
def topic_update(s):
    topic = s.topic(labels={"keep": "no"})
    update = s.publisher.update_topic
    changed = update(request={"topic": {"name": topic, "labels": {"a": "b"}, "message_retention_duration": seconds(3600)},
                              "update_mask": mask("labels")}, **QUICK)
    expect("labels", dict(changed.labels), {"a": "b"})
    expect("a field outside the mask", changed.message_retention_duration, datetime.timedelta(0))
    update(request={"topic": {"name": topic, "message_retention_duration": seconds(3600)},
                    "update_mask": mask("message_retention_duration")}, **QUICK)
    stored = s.publisher.get_topic(request={"topic": topic}, **QUICK)
    expect("retention", stored.message_retention_duration, datetime.timedelta(hours=1))
    expect("labels kept", dict(stored.labels), {"a": "b"})
    expect_error("an unknown path", "INVALID_ARGUMENT", update,
                 request={"topic": {"name": topic}, "update_mask": mask("no_such_field")}, **QUICK)
    expect_error("an empty mask", "INVALID_ARGUMENT", update, request={"topic": {"name": topic}}, **QUICK)


@scenarios("subscriptions")
def subscriptions(s):
    topic = s.topic()
    name = s.subscription(topic, ack_deadline_seconds=25, enable_message_ordering=True, retain_acked_messages=True,
                          message_retention_duration=seconds(1200))
    stored = s.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    expect("topic", stored.topic, topic)
    expect("ack deadline", stored.ack_deadline_seconds, 25)
    expect("ordering", stored.enable_message_ordering, True)
    expect("retain_acked_messages", stored.retain_acked_messages, True)
    expect("retention", stored.message_retention_duration, datetime.timedelta(minutes=20))
    plain = s.subscriber.create_subscription(request={"name": s.name("subscriptions"), "topic": topic}, **QUICK)
    expect("default ack deadline", plain.ack_deadline_seconds, 10)
    expect("default retention", plain.message_retention_duration, datetime.timedelta(days=7))
    names = listed(s.subscriber.list_subscriptions(request={"project": s.project}, **QUICK))
    require("ListSubscriptions lacks one", {name, plain.name} <= names)
    s.subscriber.delete_subscription(request={"subscription": name}, **QUICK)
    expect_error("GetSubscription after delete", "NOT_FOUND", s.subscriber.get_subscription,
                 request={"subscription": name}, **QUICK)


@scenarios("subscription-update")
def subscription_update(s):
    _, name = s.pair(ack_deadline_seconds=10)
    update = s.subscriber.update_subscription
    update(request={"subscription": {"name": name, "ack_deadline_seconds": 40, "labels": {"not": "masked"},
                                     "retry_policy": {"minimum_backoff": seconds(1), "maximum_backoff": seconds(9)}},
                    "update_mask": mask("ack_deadline_seconds", "retry_policy")}, **QUICK)
    stored = s.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    expect("ack deadline", stored.ack_deadline_seconds, 40)
    expect("retry policy", stored.retry_policy.maximum_backoff, datetime.timedelta(seconds=9))
    expect("a field outside the mask", dict(stored.labels), {})
    expect_error("changing the ordering", "INVALID_ARGUMENT", update,
                 request={"subscription": {"name": name, "enable_message_ordering": True},
                          "update_mask": mask("enable_message_ordering")}, **QUICK)
    expect_error("changing the topic", "INVALID_ARGUMENT", update,
                 request={"subscription": {"name": name, "topic": s.topic()}, "update_mask": mask("topic")}, **QUICK)
    expect_error("an ack deadline of 601 s", "INVALID_ARGUMENT", update,
                 request={"subscription": {"name": name, "ack_deadline_seconds": 601},
                          "update_mask": mask("ack_deadline_seconds")}, **QUICK)


@scenarios("labels")
def labels(s):
    wanted = {"team": "data", "ümlaut-ok": "größe_1"}
    topic = s.topic(labels=wanted)
    expect("topic's labels", dict(s.publisher.get_topic(request={"topic": topic}, **QUICK).labels), wanted)
    name = s.subscription(topic, labels={"a": ""})
    stored = s.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    expect("subscription's labels", dict(stored.labels), {"a": ""})


@scenarios("paging")
def paging(s):
    topic = s.topic()
    made = {s.subscription(topic) for _ in range(5)}
    names, token, pages = [], "", 0
    while True:
        page = next(iter(s.publisher.list_topic_subscriptions(
            request={"topic": topic, "page_size": 2, "page_token": token}, **QUICK).pages))
        require(f"a page of {len(page.subscriptions)} where 2 were asked for", len(page.subscriptions) <= 2)
        names += page.subscriptions
        token, pages = page.next_page_token, pages + 1
        if not token or pages > 9:
            break
    expect("the pages together", sorted(names), sorted(made))


@scenarios("error-codes")
def error_codes(s):
    topic, subscription = s.pair()
    missing_topic, missing = f"{s.project}/topics/missing", f"{s.project}/subscriptions/missing"
    expect_error("a topic twice", "ALREADY_EXISTS", s.publisher.create_topic, request={"name": topic}, **QUICK)
    expect_error("a subscription twice", "ALREADY_EXISTS", s.subscriber.create_subscription,
                 request={"name": subscription, "topic": topic}, **QUICK)
    expect_error("publish to no topic", "NOT_FOUND", s.publish_messages, missing_topic, [{"data": b"x"}])
    expect_error("subscription of no topic", "NOT_FOUND", s.subscriber.create_subscription,
                 request={"name": s.name("subscriptions"), "topic": missing_topic}, **QUICK)
    for method, request in (("pull", {"max_messages": 1}), ("acknowledge", {"ack_ids": ["x"]}),
                            ("delete_subscription", {})):
        expect_error(method, "NOT_FOUND", getattr(s.subscriber, method),
                     request={"subscription": missing, **request}, **QUICK)
    for bad in ("goog-reserved", "ab", "1digit", "x" * 256, "space here"):
        expect_error(f"a topic named {bad[:20]}", "INVALID_ARGUMENT", s.publisher.create_topic,
                     request={"name": f"{s.project}/topics/{bad}"}, **QUICK)
    expect_error("an ack deadline of 5 s", "INVALID_ARGUMENT", s.subscriber.create_subscription,
                 request={"name": s.name("subscriptions"), "topic": topic, "ack_deadline_seconds": 5}, **QUICK)
    expect_error("max_messages 0", "INVALID_ARGUMENT", s.subscriber.pull,
                 request={"subscription": subscription, "max_messages": 0}, **QUICK)
    expect_error("retention of 5 minutes", "INVALID_ARGUMENT", s.subscriber.create_subscription,
                 request={"name": s.name("subscriptions"), "topic": topic,
                          "message_retention_duration": seconds(300)}, **QUICK)


@scenarios("detach")
def detach(s):
    topic, subscription = s.pair()
    s.put(topic, "lost")
    s.publisher.detach_subscription(request={"subscription": subscription}, **QUICK)
    stored = s.subscriber.get_subscription(request={"subscription": subscription}, **QUICK)
    expect("detached", stored.detached, True)
    expect_error("pull from it", "FAILED_PRECONDITION", s.subscriber.pull,
                 request={"subscription": subscription, "max_messages": 1}, **QUICK)
    of_topic = s.publisher.list_topic_subscriptions(request={"topic": topic}, **QUICK)
    require("the topic still lists it", subscription not in listed(of_topic))


@scenarios("expiration")
def expiration(s):
    topic, subscription = s.pair()
    stored = s.subscriber.get_subscription(request={"subscription": subscription}, **QUICK)
    expect("default time to live", stored.expiration_policy.ttl, datetime.timedelta(days=31))
    never = s.subscription(topic, expiration_policy=ExpirationPolicy())
    stored = s.subscriber.get_subscription(request={"subscription": never}, **QUICK)
    require("an empty policy (never) is not kept", "expiration_policy" in stored)
    expect("never", stored.expiration_policy.ttl, datetime.timedelta(0))
    expect_error("a time to live of an hour", "INVALID_ARGUMENT", s.subscriber.create_subscription,
                 request={"name": s.name("subscriptions"), "topic": topic,
                          "expiration_policy": {"ttl": seconds(3600)}}, **QUICK)
