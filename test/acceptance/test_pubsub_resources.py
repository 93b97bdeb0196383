"""Topics and subscriptions through Google's client."""
import pytest
from google.api_core import exceptions
from google.protobuf import duration_pb2, field_mask_pb2
from google.pubsub_v1 import types

from google_clients import QUICK, Clients, datas
from pipeline import PROJECT


# Topics.

def test_topics_are_created_read_listed_updated_and_deleted(clients):
    topic = clients.topic(labels={"team": "blue"}, message_retention_duration=duration_pb2.Duration(seconds=3600))
    read = clients.publisher.get_topic(request={"topic": topic}, **QUICK)
    assert read.name == topic and dict(read.labels) == {"team": "blue"}
    assert read.message_retention_duration.total_seconds() == 3600
    listed = [t.name for t in clients.publisher.list_topics(request={"project": clients.project}, **QUICK)]
    assert topic in listed and f"{clients.project}/topics/Data" in listed

    updated = clients.publisher.update_topic(
        request={"topic": {"name": topic, "labels": {"team": "red"}},
                 "update_mask": field_mask_pb2.FieldMask(paths=["labels"])}, **QUICK)
    assert dict(updated.labels) == {"team": "red"}
    assert updated.message_retention_duration.total_seconds() == 3600, "outside the mask, so unchanged"

    clients.publisher.delete_topic(request={"topic": topic}, **QUICK)
    with pytest.raises(exceptions.NotFound):
        clients.publisher.get_topic(request={"topic": topic}, **QUICK)
    listed = [t.name for t in clients.publisher.list_topics(request={"project": clients.project}, **QUICK)]
    assert topic not in listed


def test_listing_topics_pages_through_all_of_them_once(clients):
    names = {clients.topic() for _ in range(7)}
    pages = list(clients.publisher.list_topics(request={"project": clients.project, "page_size": 3}, **QUICK).pages)
    listed = [t.name for page in pages for t in page.topics]
    assert all(len(page.topics) <= 3 for page in pages) and len(pages) >= 3
    assert len(listed) == len(set(listed)) and names <= set(listed)


def test_a_second_topic_of_one_name_is_refused_as_already_existing(clients):
    topic = clients.topic()
    with pytest.raises(exceptions.AlreadyExists):
        clients.publisher.create_topic(request={"name": topic}, **QUICK)


@pytest.mark.parametrize("name", ["no-prefix", f"projects/{PROJECT}/topics/ab", f"projects/{PROJECT}/topics/1abc",
                                  f"projects/{PROJECT}/topics/goog-x", f"projects/{PROJECT}/topics/with space",
                                  f"projects/{PROJECT}/topics/" + "x" * 256])
def test_a_bad_topic_name_is_an_invalid_argument(clients, name):
    with pytest.raises(exceptions.InvalidArgument):
        clients.publisher.create_topic(request={"name": name}, **QUICK)


def test_what_a_missing_topic_is_asked_for_is_not_found(clients):
    missing = f"{clients.project}/topics/missing"
    for call in (lambda: clients.publisher.get_topic(request={"topic": missing}, **QUICK),
                 lambda: clients.publisher.delete_topic(request={"topic": missing}, **QUICK),
                 lambda: clients.publish(missing, b"x"),
                 lambda: clients.subscription(missing)):
        with pytest.raises(exceptions.NotFound) as error:
            call()
        assert "missing" in str(error.value)


# Subscriptions.

def test_subscriptions_are_created_read_listed_updated_and_deleted(clients):
    topic = clients.topic()
    name = clients.subscription(topic, ack_deadline_seconds=33, labels={"a": "b"},
                                filter='attributes.kind = "x"', enable_message_ordering=True)
    read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert (read.name, read.topic, read.ack_deadline_seconds) == (name, topic, 33)
    assert dict(read.labels) == {"a": "b"} and read.filter == 'attributes.kind = "x"' and read.enable_message_ordering
    listed = [s.name for s in clients.subscriber.list_subscriptions(request={"project": clients.project}, **QUICK)]
    assert name in listed
    assert list(clients.publisher.list_topic_subscriptions(request={"topic": topic}, **QUICK)) == [name]

    updated = clients.subscriber.update_subscription(
        request={"subscription": {"name": name, "ack_deadline_seconds": 44, "labels": {"ignored": "yes"}},
                 "update_mask": field_mask_pb2.FieldMask(paths=["ack_deadline_seconds"])}, **QUICK)
    assert updated.ack_deadline_seconds == 44 and dict(updated.labels) == {"a": "b"}

    clients.subscriber.delete_subscription(request={"subscription": name}, **QUICK)
    with pytest.raises(exceptions.NotFound):
        clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert list(clients.publisher.list_topic_subscriptions(request={"topic": topic}, **QUICK)) == []


def test_a_subscription_without_deadline_gets_ten_seconds_as_in_pubsub(clients):
    name = clients.subscription(clients.topic(), ack_deadline_seconds=0)
    assert clients.subscriber.get_subscription(request={"subscription": name}, **QUICK).ack_deadline_seconds == 10


def test_a_second_subscription_of_one_name_is_refused_as_already_existing(clients):
    topic, name = clients.pair()
    with pytest.raises(exceptions.AlreadyExists):
        clients.subscriber.create_subscription(request={"name": name, "topic": topic}, **QUICK)


@pytest.mark.parametrize("settings", [{"ack_deadline_seconds": 5}, {"ack_deadline_seconds": 601},
                                      {"filter": "attributes.kind ="}, {"filter": "kind = 'x'"},
                                      {"name": f"projects/{PROJECT}/subscriptions/1bad"}])
def test_a_bad_subscription_is_an_invalid_argument(clients, settings):
    topic = clients.topic()
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscription(topic, **settings)


def test_an_update_of_an_unknown_or_immutable_field_is_refused(clients):
    _, name = clients.pair(filter='attributes.a = "1"')
    for path in ("no_such_field", "filter", "topic"):
        with pytest.raises((exceptions.InvalidArgument, exceptions.MethodNotImplemented)) as error:
            clients.subscriber.update_subscription(
                request={"subscription": {"name": name, "filter": "", "topic": clients.topic()},
                         "update_mask": field_mask_pb2.FieldMask(paths=[path])}, **QUICK)
        assert path in str(error.value)
    assert clients.subscriber.get_subscription(request={"subscription": name}, **QUICK).filter == 'attributes.a = "1"'


def test_what_a_missing_subscription_is_asked_for_is_not_found(clients):
    missing = f"{clients.project}/subscriptions/missing"
    for call in (lambda: clients.subscriber.get_subscription(request={"subscription": missing}, **QUICK),
                 lambda: clients.subscriber.delete_subscription(request={"subscription": missing}, **QUICK),
                 lambda: clients.subscriber.pull(request={"subscription": missing, "max_messages": 1}, **QUICK),
                 lambda: clients.subscriber.acknowledge(request={"subscription": missing, "ack_ids": ["x"]}, **QUICK)):
        with pytest.raises(exceptions.NotFound) as error:
            call()
        assert "missing" in str(error.value)


def test_a_subscription_gets_only_what_is_published_after_it(clients):
    topic = clients.topic()
    clients.publish(topic, b"before")
    name = clients.subscription(topic)
    clients.publish(topic, b"after")
    received = clients.pull(name)
    assert datas(received) == [b"after"]


def test_a_subscription_of_a_deleted_topic_keeps_its_messages_and_names_the_deletion(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"kept")
    clients.publisher.delete_topic(request={"topic": topic}, **QUICK)
    assert clients.subscriber.get_subscription(request={"subscription": name}, **QUICK).topic == "_deleted-topic_"
    assert datas(clients.pull(name)) == [b"kept"]


UNSUPPORTED_SUBSCRIPTIONS = {
    "push_config": {"push_config": {"push_endpoint": "http://127.0.0.1:1/push"}},
    "dead_letter_policy": {"dead_letter_policy": {"dead_letter_topic": f"projects/{PROJECT}/topics/Data-dead"}},
    "enable_exactly_once_delivery": {"enable_exactly_once_delivery": True},
    "cloud_storage_config": {"cloud_storage_config": {"bucket": "b"}},
}


@pytest.mark.parametrize("field", UNSUPPORTED_SUBSCRIPTIONS)
def test_a_field_that_is_not_supported_is_refused_by_name_and_never_ignored(clients, field):
    """Either it works, shown by reading it back, or UNIMPLEMENTED names it."""
    topic = clients.topic()
    try:
        name = clients.subscription(topic, **UNSUPPORTED_SUBSCRIPTIONS[field])
    except exceptions.MethodNotImplemented as error:
        assert field in str(error) or field.removeprefix("enable_") in str(error)
    else:
        read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
        assert types.Subscription.pb(read).HasField(field) if field != "enable_exactly_once_delivery" else getattr(
            read, field)


def test_a_topic_field_that_is_not_supported_is_refused_by_name(clients):
    name = f"{clients.project}/topics/unsupported"
    for field, value in (("kms_key_name", "projects/p/locations/l/keyRings/r/cryptoKeys/k"),
                         ("ingestion_data_source_settings", {"aws_kinesis": {"stream_arn": "arn"}})):
        with pytest.raises(exceptions.MethodNotImplemented) as error:
            clients.publisher.create_topic(request={"name": name, field: value}, **QUICK)
        assert field in str(error.value)
    with pytest.raises(exceptions.NotFound):
        clients.publisher.get_topic(request={"topic": name}, **QUICK)


# Durability.

def test_topics_subscriptions_updates_and_deletions_survive_kill(launch):
    instance = launch()
    clients = Clients(instance)
    kept, deleted = clients.topic(labels={"k": "v"}), clients.topic()
    name = clients.subscription(kept, filter='attributes.a = "b"', ack_deadline_seconds=42)
    clients.subscriber.update_subscription(
        request={"subscription": {"name": name, "labels": {"late": "yes"}},
                 "update_mask": field_mask_pb2.FieldMask(paths=["labels"])}, **QUICK)
    clients.publisher.delete_topic(request={"topic": deleted}, **QUICK)
    clients.close()
    instance.restart()

    clients = Clients(instance)
    assert dict(clients.publisher.get_topic(request={"topic": kept}, **QUICK).labels) == {"k": "v"}
    read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert (read.topic, read.filter, read.ack_deadline_seconds, dict(read.labels)) == (
        kept, 'attributes.a = "b"', 42, {"late": "yes"})
    with pytest.raises(exceptions.NotFound):
        clients.publisher.get_topic(request={"topic": deleted}, **QUICK)
    clients.close()


def test_a_recreated_topic_starts_empty_and_gives_new_ids(clients):
    topic, old = clients.pair()
    first = clients.publish(topic, b"old")
    clients.publisher.delete_topic(request={"topic": topic}, **QUICK)
    clients.publisher.create_topic(request={"name": topic}, **QUICK)
    new = clients.subscription(topic)
    second = clients.publish(topic, b"new")
    assert set(first).isdisjoint(second)
    assert datas(clients.pull(new)) == [b"new"]
    assert datas(clients.pull(old)) == [b"old"]
