"""I1, I5 and I8 under kill -9 while topics come and go: what was answered stays, what was deleted stays gone.

AFLUENTE_KILL_ROUNDS and AFLUENTE_SEED repeat a run or make it longer (`make soak`).
"""
import random
import threading
import time

import grpc
import pytest
from google.pubsub_v1 import types

from pipeline import PROJECT
from test_kill import CHANNEL_OPTIONS, ROUNDS, SEED

SPEC = "project: test-project\n"
WORKERS = 3
NO, MAYBE, YES = "no", "maybe", "yes"


class Caller:
    """Raw gRPC without retries: each answer is exactly what the server said to that call."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)

    def __call__(self, method, request, answer=None, timeout=30):
        call = self.channel.unary_unary(f"/google.pubsub.v1.{method}", request_serializer=lambda r: r.SerializeToString(),
                                        response_deserializer=answer.pb().FromString if answer else lambda b: b)
        return call(request, timeout=timeout)


class Queue:
    """A topic with one subscription, and what is known of them."""

    def __init__(self, name):
        self.topic = f"projects/{PROJECT}/topics/{name}"
        self.subscription = f"projects/{PROJECT}/subscriptions/{name}"
        self.there = MAYBE
        self.published = {}  # data -> NO | MAYBE | YES
        self.acked = {}      # data -> MAYBE | YES


class Worker(threading.Thread):
    """Makes queues, publishes, acknowledges and deletes at random, and remembers every answer."""

    def __init__(self, number, address, stop):
        super().__init__(daemon=True)
        self.number, self.stop = number, stop
        self.call, self.random = Caller(address), random.Random(SEED * 77 + number)
        self.queues, self.sent, self.deleted, self.failure = [], 0, 0, None
        self.pause, self.paused = threading.Event(), threading.Event()

    def run(self):
        try:
            while not self.stop.is_set():
                if self.pause.is_set():
                    self.paused.set()
                    time.sleep(0.005)
                    continue
                self.act()
        except Exception as failure:  # told by the test's own thread
            self.failure = failure
        self.paused.set()

    def act(self):
        alive = [queue for queue in self.queues if queue.there == YES]
        kind = self.random.random()
        try:
            if len(alive) < 3:
                return self.create()
            queue = self.random.choice(alive)
            if kind < 0.1:
                return self.delete(queue)
            return self.publish(queue) if kind < 0.6 else self.acknowledge(queue)
        except grpc.RpcError:
            time.sleep(0.01)

    def create(self):
        queue = Queue(f"churn-{self.number}-{len(self.queues)}")
        self.queues.append(queue)
        self.call("Publisher/CreateTopic", types.Topic.pb()(name=queue.topic))
        self.call("Subscriber/CreateSubscription", types.Subscription.pb()(name=queue.subscription, topic=queue.topic,
                                                                           ack_deadline_seconds=600))
        queue.there = YES

    def delete(self, queue):
        queue.there = MAYBE
        if self.random.random() < 0.5:
            self.call("Publisher/DeleteTopic", types.DeleteTopicRequest.pb()(topic=queue.topic))
        self.call("Subscriber/DeleteSubscription", types.DeleteSubscriptionRequest.pb()(subscription=queue.subscription))
        queue.there = NO
        self.deleted += 1

    def publish(self, queue):
        batch = []
        for _ in range(self.random.choice((1, 1, 5, 40))):
            batch.append(f"{self.number}-{self.sent}".encode() + b"." * self.random.choice((0, 100, 2000)))
            self.sent += 1
        queue.published.update(dict.fromkeys(batch, MAYBE))
        self.call("Publisher/Publish", types.PublishRequest.pb()(
            topic=queue.topic, messages=[types.PubsubMessage.pb()(data=data) for data in batch]))
        queue.published.update(dict.fromkeys(batch, YES))

    def pull(self, queue, most):
        return self.call("Subscriber/Pull", types.PullRequest.pb()(subscription=queue.subscription, max_messages=most,
                                                                   return_immediately=True), types.PullResponse)

    def acknowledge(self, queue):
        received = self.pull(queue, 20).received_messages
        if not received:
            return
        for each in received:
            assert queue.acked.get(each.message.data) != YES, f"{each.message.data[:20]} was acknowledged and came back"
            queue.acked[each.message.data] = MAYBE
        self.call("Subscriber/Acknowledge", types.AcknowledgeRequest.pb()(
            subscription=queue.subscription, ack_ids=[each.ack_id for each in received]))
        queue.acked.update(dict.fromkeys([each.message.data for each in received], YES))

    def verify(self):
        """After a restart, with no load: compares all that the server shows."""
        for queue in self.queues:
            try:
                self.call("Subscriber/GetSubscription", types.GetSubscriptionRequest.pb()(subscription=queue.subscription))
                there = True
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.NOT_FOUND, error
                there = False
            assert queue.there != (NO if there else YES), f"{queue.subscription} is {'back' if there else 'lost'}"
            queue.there = YES if there else NO
            if there:
                self.verify_messages(queue)

    def verify_messages(self, queue):
        seen, empty = [], 0
        expected = {data for data, state in queue.published.items() if state == YES and data not in queue.acked}
        deadline = time.monotonic() + 20
        # A pull that does not wait may be empty on a busy machine: only time makes a message lost.
        while empty < 2 or (time.monotonic() < deadline and expected - {data for data, _ in seen}):
            received = self.pull(queue, 1000).received_messages
            empty = 0 if received else empty + 1
            seen += [(each.message.data, each.ack_id) for each in received]
        datas = [data for data, _ in seen]
        assert len(datas) == len(set(datas)), "a message was stored twice"
        for data in datas:
            assert queue.published.get(data) in (MAYBE, YES), f"{data[:20]} was never published, or was gone"
            assert queue.acked.get(data) != YES, f"{data[:20]} was acknowledged and came back"
        lost = expected - set(datas)
        assert not lost, f"{len(lost)} answered messages of {queue.subscription} are lost, e.g. {sorted(lost)[0][:20]}"
        # What may have been is settled by what was seen.
        for data in queue.published:
            if data in set(datas):
                queue.published[data] = YES
                queue.acked.pop(data, None)
            elif data in queue.acked:
                queue.acked[data] = YES
            else:
                queue.published[data] = NO
        if seen:
            self.call("Subscriber/ModifyAckDeadline", types.ModifyAckDeadlineRequest.pb()(
                subscription=queue.subscription, ack_ids=[ack for _, ack in seen], ack_deadline_seconds=0))


@pytest.mark.timeout(120 + 10 * ROUNDS)
def test_kill_while_topics_come_and_go_loses_nothing_and_brings_nothing_back(launch):
    print(f"AFLUENTE_SEED={SEED} AFLUENTE_KILL_ROUNDS={ROUNDS}")
    moments = random.Random(SEED)
    instance = launch(SPEC, {})
    stop = threading.Event()
    workers = [Worker(number, instance.doors["pubsub"], stop) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    checked = 0
    for _ in range(ROUNDS):
        time.sleep(moments.choice((0.05, 0.3, 1.0)) * moments.random())
        instance.kill()
        for worker in workers:
            worker.pause.set()
        for worker in workers:
            assert worker.paused.wait(30)
        instance.start(keep_ports=True)
        for worker in workers:
            if worker.failure:
                raise worker.failure
            worker.call = Caller(instance.doors["pubsub"])
            worker.verify()
            worker.paused.clear()
            worker.pause.clear()
            checked += 1
    stop.set()
    for worker in workers:
        worker.join(timeout=30)
        if worker.failure:
            raise worker.failure
    queues = [queue for worker in workers for queue in worker.queues]
    answered = sum(state == YES for queue in queues for state in queue.published.values())
    deleted = sum(worker.deleted for worker in workers)
    print(f"{checked} checks: {len(queues)} queues, {deleted} deletions and {answered} messages answered, "
          f"{sum(state == YES for queue in queues for state in queue.acked.values())} acknowledged")
    assert answered > 10 * ROUNDS and deleted > 0, "too little was done to prove anything"
