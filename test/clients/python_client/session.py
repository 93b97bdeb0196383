"""The Python client's scenarios share this: the clients of one server, and the waits."""
import queue
import sys
import threading
import time

import grpc
from google.cloud import pubsub_v1
from google.pubsub_v1.services.schema_service import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import StreamingPullRequest

from google_clients import QUICK, Clients
from outcome import Scenarios, Wrong

scenarios = Scenarios("python")
__all__ = ["QUICK", "Session", "Stream", "scenarios"]


def caller():
    """The scenario's line that waits, for the detail of a failure."""
    frame = sys._getframe(2)  # pylint: disable=protected-access
    return f"line {frame.f_lineno} of {frame.f_code.co_name}"


class Session(Clients):
    """Clients of one server, shared by the scenarios; each uses topics of its own."""

    def __init__(self, server):
        super().__init__(server)
        self.server = server
        self.channel = grpc.insecure_channel(server.address)
        # With PUBSUB_EMULATOR_HOST the client keeps gRPC's limit of 4 MB for what it receives.
        wide = grpc.insecure_channel(server.address, [("grpc.max_receive_message_length", -1)])
        self.wide_subscriber = pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=wide))
        self.schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=self.channel))

    def name(self, kind, prefix="x"):
        return f"{self.project}/{kind}/{prefix}-{time.monotonic_ns():x}-{threading.get_ident() % 9973:x}"

    def put(self, topic, *payloads, **attributes):
        return self.publish(topic, *[p.encode() if isinstance(p, str) else p for p in payloads], **attributes)

    def take(self, subscription, count, seconds=15):
        """Exactly this many messages, or the scenario fails."""
        received = self.pull_all(subscription, count, seconds)
        if len(received) != count:
            raise Wrong(f"{len(received)} messages within {seconds} s instead of {count} ({caller()})")
        return received

    def none(self, subscription, what, seconds=1.5):
        received = self.pull(subscription, seconds=seconds)
        if received:
            raise Wrong(f"{what}: got {[r.message.data for r in received]}")

    def callback_stream(self, subscription, callback, **flow):
        return self.subscriber.subscribe(subscription, callback,
                                         flow_control=pubsub_v1.types.FlowControl(**flow) if flow else ())


class Stream:
    """One raw StreamingPull call of the generated client: nothing is acknowledged or extended behind the test."""

    def __init__(self, session, subscription, **settings):
        self.requests = queue.Queue()
        self.requests.put(StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=60, **settings))
        self.received = queue.Queue()
        generated = super(type(session.subscriber), session.subscriber)
        self.call = generated.streaming_pull(requests=iter(self.requests.get, None), timeout=60, retry=None)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for response in self.call:
                for message in response.received_messages:
                    self.received.put(message)
        except Exception as error:  # pylint: disable=broad-except
            self.received.put(error)

    def take(self, count, seconds=10):
        """Up to `count` messages within the time."""
        taken, deadline = [], time.monotonic() + seconds
        while len(taken) < count and time.monotonic() < deadline:
            try:
                item = self.received.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                break
            if isinstance(item, Exception):
                raise item
            taken.append(item)
        return taken

    def ack(self, messages):
        self.requests.put(StreamingPullRequest(ack_ids=[m.ack_id for m in messages]))

    def close(self):
        self.requests.put(None)
        self.call.cancel()
