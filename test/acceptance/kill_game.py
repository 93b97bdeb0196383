"""Random games against a server that is killed: players act, remember every answer, and after each restart compare.

AFLUENTE_KILL_ROUNDS and AFLUENTE_SEED repeat a game or make it longer (`make soak`).
"""
import os
import random
import threading
import time

import grpc
from google.pubsub_v1 import types

ROUNDS = int(os.environ.get("AFLUENTE_KILL_ROUNDS", "15"))
SEED = int(os.environ.get("AFLUENTE_SEED") or random.SystemRandom().randrange(1 << 32))
CHANNEL_OPTIONS = [("grpc.min_reconnect_backoff_ms", 20), ("grpc.initial_reconnect_backoff_ms", 20),
                   ("grpc.max_reconnect_backoff_ms", 100), ("grpc.use_local_subchannel_pool", 1)]
SEEN_SECONDS = 60  # a pull that does not wait may be empty on a busy machine: only time makes a message lost
ENOUGH_SECONDS = 300  # a machine this slow is broken: until then a game goes on until it has shown something


class Caller:
    """Raw gRPC without retries: each answer is exactly what the server said to that call."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)

    def __call__(self, method, request, answer=None, timeout=60, package="google.pubsub.v1"):
        kind = answer.pb() if hasattr(answer, "pb") else answer
        call = self.channel.unary_unary(f"/{package}.{method}", request_serializer=lambda r: r.SerializeToString(),
                                        response_deserializer=kind.FromString if kind else lambda b: b)
        return call(request, timeout=timeout)

    def connect(self):
        """On a busy machine an attempt may time out, and a call that waits for it is told UNAVAILABLE: no answer of the server's."""
        grpc.channel_ready_future(self.channel).result(timeout=60)

    def close(self):
        self.channel.close()


class Player(threading.Thread):
    """Plays until stopped; `act` and `verify` are the game's. A call that fails is no answer: it may have been done.

    `enough` says whether the answers prove something, whatever the luck and the machine: the game goes on until they do.
    `conclude` then does once, with the server left alone and every state known, what chance may have left out.
    """

    def __init__(self, number, instance):
        super().__init__(daemon=True)
        self.number, self.instance = number, instance
        self.random = random.Random(SEED * 77 + number)
        self.call, self.failure, self.sent = Caller(instance.doors["pubsub"]), None, 0
        self.stop, self.pause, self.paused = threading.Event(), threading.Event(), threading.Event()
        self.satisfied = threading.Event()

    def run(self):
        try:
            while not self.stop.is_set():
                if self.pause.is_set():
                    self.paused.set()
                    time.sleep(0.005)
                    continue
                try:
                    self.act()
                    if self.enough():  # asked here: what it counts is this thread's
                        self.satisfied.set()
                except grpc.RpcError:
                    time.sleep(0.01)
        except Exception as failure:  # told by the test's own thread
            self.failure = failure
        self.paused.set()
        self.satisfied.set()

    def act(self):
        raise NotImplementedError

    def enough(self):
        raise NotImplementedError

    def conclude(self):
        pass

    def verify(self):
        raise NotImplementedError

    def summary(self):
        return {}

    # What most games do.

    def payloads(self, sizes=(0, 100, 2000)):
        batch = []
        for _ in range(self.random.choice((1, 1, 5, 40))):
            batch.append(f"{self.number}-{self.sent}".encode() + b"." * self.random.choice(sizes))
            self.sent += 1
        return batch

    def publish_to(self, topic, batch):
        return self.call("Publisher/Publish", types.PublishRequest.pb()(
            topic=topic, messages=[types.PubsubMessage.pb()(data=data) for data in batch]), types.PublishResponse).message_ids

    def pull(self, subscription, most):
        return self.call("Subscriber/Pull", types.PullRequest.pb()(
            subscription=subscription, max_messages=most, return_immediately=True), types.PullResponse).received_messages

    def acknowledge_to(self, subscription, ack_ids):
        self.call("Subscriber/Acknowledge", types.AcknowledgeRequest.pb()(subscription=subscription, ack_ids=ack_ids))

    def set_deadline(self, subscription, ack_ids, seconds):
        if ack_ids:
            self.call("Subscriber/ModifyAckDeadline", types.ModifyAckDeadlineRequest.pb()(
                subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=seconds))

    def pull_all(self, subscription, expected):
        """All that is there and not leased: until two pulls in a row are empty and `expected` came, or time is over."""
        received, empty, deadline = [], 0, time.monotonic() + SEEN_SECONDS
        while empty < 2 or (time.monotonic() < deadline and expected - {each.message.data for each in received}):
            some = self.pull(subscription, 1000)
            empty = 0 if some else empty + 1
            received += some
            if empty > 2:
                time.sleep(0.02)
        return received


def play(instance, players, rounds=ROUNDS):
    """Kills the instance `rounds` times at random moments under the players, each time comparing all they know.

    Then once more when each has done enough, and once after what chance left out was done.
    """
    print(f"AFLUENTE_SEED={SEED} AFLUENTE_KILL_ROUNDS={rounds}", flush=True)
    moments = random.Random(SEED)
    begin = time.monotonic()
    for player in players:
        player.start()
    for _ in range(rounds):
        time.sleep(moments.choice((0.05, 0.3, 1.0)) * moments.random())
        kill_and_compare(instance, players)
        for player in players:
            player.paused.clear()
            player.pause.clear()
    deadline = time.monotonic() + ENOUGH_SECONDS
    for player in players:
        assert player.satisfied.wait(max(0, deadline - time.monotonic())), f"{type(player).__name__}: {player.summary()}"
    kill_and_compare(instance, players)
    for player in players:
        player.conclude()
    kill_and_compare(instance, players)
    for player in players:
        player.stop.set()
    for player in players:
        player.join(timeout=90)
        if player.failure:
            raise player.failure
    for player in players:
        print(f"{type(player).__name__} {player.number}: {player.summary()}")
    print(f"{rounds + 2} kills in {time.monotonic() - begin:.0f} s", flush=True)


def kill_and_compare(instance, players):
    """Leaves the players paused."""
    instance.kill()
    for player in players:
        player.pause.set()
    for player in players:
        assert player.paused.wait(90), f"{type(player).__name__} hangs"
    instance.start(keep_ports=True)
    for player in players:
        if player.failure:
            raise player.failure
        player.call.close()
        player.call = Caller(instance.doors["pubsub"])
        player.call.connect()
        player.verify()
