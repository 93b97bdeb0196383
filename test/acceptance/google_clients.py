"""Google's own Python clients, unmodified, pointed at an instance by its environment alone."""
import time
import uuid

from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient

QUICK = {"timeout": 10, "retry": None}


class Clients:
    """A publisher and a subscriber, made as any program makes them: from the environment alone."""

    def __init__(self, instance):
        with instance.client_environment() as project:
            self.publisher = pubsub_v1.PublisherClient()
            self.ordered_publisher = pubsub_v1.PublisherClient(
                publisher_options=pubsub_v1.types.PublisherOptions(enable_message_ordering=True))
            self.subscriber = pubsub_v1.SubscriberClient()
        self.project = f"projects/{project}"

    def close(self):
        self.publisher.stop()
        self.ordered_publisher.stop()
        self.subscriber.close()

    def topic(self, **settings):
        name = f"{self.project}/topics/t-{uuid.uuid4().hex[:12]}"
        return self.publisher.create_topic(request={"name": name, **settings}, **QUICK).name

    def subscription(self, topic, **settings):
        name = f"{self.project}/subscriptions/s-{uuid.uuid4().hex[:12]}"
        request = {"name": name, "topic": topic, "ack_deadline_seconds": 60, **settings}
        return self.subscriber.create_subscription(request=request, **QUICK).name

    def pair(self, **settings):
        topic = self.topic()
        return topic, self.subscription(topic, **settings)

    def publish(self, topic, *datas, **attributes):
        return self.publish_messages(topic, [{"data": d, "attributes": attributes} for d in datas])

    def publish_messages(self, topic, messages):
        """One Publish call with exactly these messages; the client's own publish() batches."""
        request = {"topic": topic, "messages": messages}
        return list(PublisherClient.publish(self.publisher, request=request, **QUICK).message_ids)

    def pull(self, subscription, count=100, seconds=10):
        """At least one message, or an empty list after a while."""
        try:
            return list(self.subscriber.pull(
                request={"subscription": subscription, "max_messages": count}, timeout=seconds,
                retry=None).received_messages)
        except exceptions.DeadlineExceeded:
            return []

    def pull_all(self, subscription, count, seconds=20):
        received, deadline = [], time.monotonic() + seconds
        while len(received) < count and time.monotonic() < deadline:
            received += self.pull(subscription, count - len(received), seconds=5)
        return received

    def nothing_to_pull(self, subscription, seconds=1.5):
        return self.pull(subscription, seconds=seconds) == []

    def ack(self, subscription, received):
        self.subscriber.acknowledge(
            request={"subscription": subscription, "ack_ids": [r.ack_id for r in received]}, **QUICK)

    def extend(self, subscription, received, seconds):
        self.subscriber.modify_ack_deadline(
            request={"subscription": subscription, "ack_ids": [r.ack_id for r in received],
                     "ack_deadline_seconds": seconds}, **QUICK)

    def stream(self, subscription, callback, **options):
        return self.subscriber.subscribe(subscription, callback, await_callbacks_on_shutdown=True, **options)


def datas(received):
    return [r.message.data for r in received]
