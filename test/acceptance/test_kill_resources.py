"""I1, I5 and I8 under kill -9 while topics come and go: what was answered stays, what was deleted stays gone."""
import grpc
import pytest
from google.pubsub_v1 import types
from kill_game import ROUNDS, Player, play
from pipeline import PROJECT

SPEC = "project: test-project\n"
NO, MAYBE, YES = "no", "maybe", "yes"


class Queue:
    """A topic with one subscription, and what is known of them."""

    def __init__(self, name):
        self.topic = f"projects/{PROJECT}/topics/{name}"
        self.subscription = f"projects/{PROJECT}/subscriptions/{name}"
        self.there = MAYBE
        self.published = {}  # data -> NO | MAYBE | YES
        self.acked = {}      # data -> MAYBE | YES


class Churn(Player):
    """Makes queues, publishes, acknowledges and deletes at random."""

    def __init__(self, number, instance):
        super().__init__(number, instance)
        self.queues, self.published, self.deleted, self.checks = [], 0, 0, 0

    def enough(self):
        return self.published > 4 * ROUNDS and self.deleted > 0

    def act(self):
        alive = [queue for queue in self.queues if queue.there == YES]
        kind = self.random.random()
        if len(alive) < 3:
            return self.create()
        queue = self.random.choice(alive)
        if kind < 0.1:
            return self.delete(queue)
        return self.publish(queue) if kind < 0.6 else self.acknowledge(queue)

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
        batch = self.payloads()
        queue.published.update(dict.fromkeys(batch, MAYBE))
        self.publish_to(queue.topic, batch)
        queue.published.update(dict.fromkeys(batch, YES))
        self.published += len(batch)

    def acknowledge(self, queue):
        received = self.pull(queue.subscription, 20)
        if not received:
            return
        for each in received:
            assert queue.acked.get(each.message.data) != YES, f"{each.message.data[:20]} was acknowledged and came back"
            queue.acked[each.message.data] = MAYBE
        self.acknowledge_to(queue.subscription, [each.ack_id for each in received])
        queue.acked.update(dict.fromkeys([each.message.data for each in received], YES))

    def verify(self):
        self.checks += 1
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
        expected = {data for data, state in queue.published.items() if state == YES and data not in queue.acked}
        seen = self.pull_all(queue.subscription, expected)
        datas = [each.message.data for each in seen]
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
        self.set_deadline(queue.subscription, [each.ack_id for each in seen], 0)

    def summary(self):
        return {"checks": self.checks, "queues": len(self.queues), "deleted": self.deleted,
                "answered": sum(state == YES for queue in self.queues for state in queue.published.values()),
                "acked": sum(state == YES for queue in self.queues for state in queue.acked.values())}


@pytest.mark.timeout(900 + 60 * ROUNDS)
def test_kill_while_topics_come_and_go_loses_nothing_and_brings_nothing_back(launch):
    instance = launch(SPEC, {})
    players = [Churn(number, instance) for number in range(3)]
    play(instance, players)
    assert all(player.satisfied.is_set() for player in players)
