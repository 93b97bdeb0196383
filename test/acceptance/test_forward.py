"""A topic's `forward:` between two instances: either is killed, nothing is lost, ids tell what came twice."""
import base64
import json
import time

from instance import wait_until

FAR = "project: far\ntopics: {Incoming: {}}\nsubscriptions: {all: {topic: Incoming}}\n"


def near_spec(far, more=""):
    return ("project: near\ntopics:\n  Out: {forward: {topic: projects/far/topics/Incoming, endpoint: \""
            f"{far.doors['pubsub']}\"{more}}}}}\n")


def publish(instance, texts):
    instance.run("publish", "Out", "--attribute", "kind=x", stdin="\n".join(texts) + "\n")


def arrived(instance, into):
    while True:
        lines = instance.run("pull", "all", "--limit", 1000, "--ack", "--json").stdout.splitlines()
        for line in lines:
            message = json.loads(line)
            into.append((base64.b64decode(message["data"]).decode(), message["attributes"]))
        if not lines:
            return into


def test_messages_arrive_with_their_ids_and_attributes(launch):
    far = launch(FAR, {}, name="far")
    near = launch(near_spec(far), {}, name="near")
    publish(near, ["a", "b"])
    got = []
    wait_until(lambda: len(arrived(far, got)) == 2, what="both messages")
    assert sorted(text for text, _ in got) == ["a", "b"]
    for _, attributes in got:
        assert attributes["kind"] == "x"
        assert attributes["afluente_forward_id"].startswith("projects/near/topics/Out/")
        assert attributes["afluente_forward_publish_time"].endswith("Z")


def test_either_side_killed_loses_nothing(launch):
    far = launch(FAR, {}, name="far")
    near = launch(near_spec(far), {}, name="near")
    sent, got = [], []
    for round_number in range(3):
        batch = [f"{round_number}-{i}" for i in range(3_000)]
        publish(near, batch)
        sent += batch
        (near if round_number % 2 else far).kill()
        if round_number % 2:
            near.start()
        else:
            time.sleep(0.3)  # the far side is away for a while; what comes now waits
            publish(near, [f"{round_number}-late"])
            sent.append(f"{round_number}-late")
            far.start(keep_ports=True)
    wait_until(lambda: {text for text, _ in arrived(far, got)} >= set(sent), 90, "every message")
    by_id = {attributes["afluente_forward_id"]: text for text, attributes in got}
    assert sorted(by_id.values()) == sorted(sent), "an id for each message, however often it came"
    near.terminate()


def test_the_rate_holds_back(launch):
    far = launch(FAR, {}, name="far")
    near = launch(near_spec(far, ", rate: 50/s"), {}, name="near")
    begin = time.monotonic()
    publish(near, [str(i) for i in range(200)])
    got = []
    wait_until(lambda: len(arrived(far, got)) == 200, 60, "every message")
    assert time.monotonic() - begin > 3, "200 messages at 50 a second take four seconds"


def test_a_ring_ends_where_it_began(launch):
    far = launch(FAR, {}, name="far")
    near = launch(near_spec(far), {}, name="near")
    far.spec.write_text(FAR.replace("Incoming: {}", "Incoming: {forward: {topic: projects/near/topics/Out, endpoint: \""
                                    + near.doors["pubsub"] + "\"}}"))
    far.kill()
    far.start(keep_ports=True)
    publish(near, ["once"])
    got = []
    wait_until(lambda: arrived(far, got), what="the message")
    time.sleep(1)
    assert [text for text, _ in arrived(far, got)] == ["once"]
