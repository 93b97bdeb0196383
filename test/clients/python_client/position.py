"""Going back and forth in time: seek, snapshots, retention."""
import datetime
import time

from google.protobuf import duration_pb2, field_mask_pb2

from outcome import expect, expect_error, require
from python_client.session import QUICK, scenarios


def now(offset=0.0):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)


def texts(received):
    return sorted(r.message.data.decode() for r in received)


@scenarios("seek-time")
def seek_time(s):
    topic, subscription = s.pair(retain_acked_messages=True)
    s.put(topic, "old")
    time.sleep(1.1)
    between = now()
    time.sleep(1.1)
    s.put(topic, "new")
    s.ack(subscription, s.take(subscription, 2))
    s.none(subscription, "acknowledged messages came back")
    s.subscriber.seek(request={"subscription": subscription, "time": between}, **QUICK)
    received = s.take(subscription, 1)
    expect("after a seek between the two", texts(received), ["new"])
    s.subscriber.seek(request={"subscription": subscription, "time": now(-600)}, **QUICK)
    expect("after a seek before both", texts(s.take(subscription, 2)), ["new", "old"])
    s.subscriber.seek(request={"subscription": subscription, "time": now(60)}, **QUICK)
    s.none(subscription, "a seek forward left messages")


@scenarios("seek-snapshot")
def seek_snapshot(s):
    topic, subscription = s.pair()
    other = s.subscription(topic)
    s.put(topic, "acked", "left")
    received = s.take(subscription, 2)
    s.ack(subscription, [r for r in received if r.message.data == b"acked"])
    s.extend(subscription, [r for r in received if r.message.data == b"left"], 0)
    time.sleep(0.2)
    snapshot = s.name("snapshots")
    s.subscriber.create_snapshot(request={"name": snapshot, "subscription": subscription}, **QUICK)
    s.put(topic, "after")
    s.ack(subscription, s.take(subscription, 2))
    s.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot}, **QUICK)
    expect("after the seek", texts(s.take(subscription, 2)), ["after", "left"])
    s.subscriber.seek(request={"subscription": other, "snapshot": snapshot}, **QUICK)
    expect("another subscription of the topic", texts(s.take(other, 2)), ["after", "left"])
    stranger = s.subscription(s.topic())
    expect_error("a subscription of another topic", ("INVALID_ARGUMENT", "FAILED_PRECONDITION"), s.subscriber.seek,
                 request={"subscription": stranger, "snapshot": snapshot}, **QUICK)


@scenarios("snapshots")
def snapshots(s):
    topic, subscription = s.pair()
    name = s.name("snapshots")
    made = s.subscriber.create_snapshot(request={"name": name, "subscription": subscription, "labels": {"a": "b"}}, **QUICK)
    expect("its topic", made.topic, topic)
    left = made.expire_time - now()
    require(f"it expires in {left}, not in seven days", datetime.timedelta(days=6.9) < left < datetime.timedelta(days=7.1))
    expect("labels", dict(s.subscriber.get_snapshot(request={"snapshot": name}, **QUICK).labels), {"a": "b"})
    names = {x.name for x in s.subscriber.list_snapshots(request={"project": s.project}, **QUICK)}
    require("ListSnapshots lacks it", name in names)
    expect("ListTopicSnapshots", list(s.publisher.list_topic_snapshots(request={"topic": topic}, **QUICK)), [name])
    changed = s.subscriber.update_snapshot(
        request={"snapshot": {"name": name, "labels": {"c": "d"}},
                 "update_mask": field_mask_pb2.FieldMask(paths=["labels"])}, **QUICK)
    expect("updated labels", dict(changed.labels), {"c": "d"})
    expect_error("a snapshot twice", "ALREADY_EXISTS", s.subscriber.create_snapshot,
                 request={"name": name, "subscription": subscription}, **QUICK)
    s.subscriber.delete_snapshot(request={"snapshot": name}, **QUICK)
    expect_error("after delete", "NOT_FOUND", s.subscriber.get_snapshot, request={"snapshot": name}, **QUICK)


@scenarios("retention")
def retention(s):
    topic = s.topic(message_retention_duration=duration_pb2.Duration(seconds=3600))
    s.put(topic, "before the subscription")
    subscription = s.subscription(topic)
    stored = s.subscriber.get_subscription(request={"subscription": subscription}, **QUICK)
    expect("topic_message_retention_duration", stored.topic_message_retention_duration, datetime.timedelta(hours=1))
    s.none(subscription, "a new subscription starts with old messages")
    s.subscriber.seek(request={"subscription": subscription, "time": now(-600)}, **QUICK)
    expect("after a seek", texts(s.take(subscription, 1)), ["before the subscription"])
    expect_error("a topic retention of 5 minutes", "INVALID_ARGUMENT", s.topic,
                 message_retention_duration=duration_pb2.Duration(seconds=300))
    expect_error("a topic retention of 32 days", "INVALID_ARGUMENT", s.topic,
                 message_retention_duration=duration_pb2.Duration(seconds=32 * 86400))
