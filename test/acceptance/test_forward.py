"""A topic's `forward:` between two instances: either is killed, nothing is lost, ids tell what came twice."""
import base64
import datetime
import json
import time

from instance import wait_until

FAR = "project: far\ntopics: {Incoming: {message_retention_duration: 600s}}\nsubscriptions: {all: {topic: Incoming}}\n"


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
    publish(near, [str(i) for i in range(200)])
    got = []
    wait_until(lambda: len(arrived(far, got)) == 200, 60, "every message")
    # By the far side's own clock: however slow this machine, no second may hold more than the rate and one batch.
    times = sorted(datetime.datetime.fromisoformat(line["publish_time"]) for line in far_log(far))
    assert len(times) == 200
    second = datetime.timedelta(seconds=1)
    assert max(sum(1 for t in times if begin <= t < begin + second) for begin in times) <= 50 + 5


def far_log(far):
    """What the far topic retained, with its publish times."""
    return [json.loads(line) for line in
            far.run("peek", "Incoming", "--limit", 1000).stdout.splitlines()]


def test_a_ring_ends_where_it_began(launch):
    far = launch(FAR, {}, name="far")
    near = launch(near_spec(far), {}, name="near")
    far.spec.write_text(FAR.replace("Incoming: {message_retention_duration: 600s}", "Incoming: {forward: {topic: projects/near/topics/Out, endpoint: \""
                                    + near.doors["pubsub"] + "\"}}"))
    far.kill()
    far.start(keep_ports=True)
    publish(near, ["once"])
    got = []
    wait_until(lambda: arrived(far, got), what="the message")
    time.sleep(1)
    assert [text for text, _ in arrived(far, got)] == ["once"]


AVRO = json.dumps({"type": "record", "name": "reading", "fields": [{"name": "n", "type": "long"}]})


def test_what_the_far_side_refuses_for_itself_holds_back_nobody(launch):
    """The far topic has a schema: bad messages are singled out of their batches and kept, in sight."""
    far = launch("project: far\n", {}, name="far")
    assert far.rest("POST", "projects/far/schemas?schemaId=reading", {"type": "AVRO", "definition": AVRO}).ok
    assert far.rest("PUT", "projects/far/topics/Incoming", {
        "schemaSettings": {"schema": "projects/far/schemas/reading", "encoding": "JSON"}}).ok
    assert far.rest("PUT", "projects/far/subscriptions/all", {"topic": "projects/far/topics/Incoming"}).ok
    near = launch(near_spec(far), {}, name="near")
    good = [f'{{"n": {i}}}' for i in range(2_000)]
    bad = {i: f"no number {i}" for i in (0, 1, 499, 777, 1_500, 1_999)}
    publish(near, [bad.get(i, text) for i, text in enumerate(good)])
    expected = {text for i, text in enumerate(good) if i not in bad}
    got = []
    wait_until(lambda: {text for text, _ in arrived(far, got)} >= expected, 90, "every good message")
    assert {text for text, _ in got} == expected

    def refused():
        lines = near.run("peek", "afluente-forward-Out-refused", "--limit", 100).stdout.splitlines()
        return [json.loads(line) for line in lines]
    wait_until(lambda: len(refused()) >= len(bad), 60, "the bad ones are kept")
    kept = {base64.b64decode(m["data"]).decode(): m["attributes"] for m in refused()}
    assert set(kept) == set(bad.values())
    for attributes in kept.values():
        assert attributes["kind"] == "x" and attributes["afluente_forward_error"]
        assert attributes["afluente_forward_id"].startswith("projects/near/topics/Out/")
    # Nothing waits: neither side tries them again, also after a restart.
    near.restart()
    publish(near, ['{"n": 7777}'])
    wait_until(lambda: '{"n": 7777}' in {text for text, _ in arrived(far, got)}, 60, "the next one")
    assert len(refused()) == len(bad)
    assert "the far side refuses a message" in near.log(1000)


def test_a_refused_message_keeps_the_order_of_its_key(launch):
    far = launch("project: far\n", {}, name="far")
    assert far.rest("POST", "projects/far/schemas?schemaId=reading", {"type": "AVRO", "definition": AVRO}).ok
    assert far.rest("PUT", "projects/far/topics/Incoming", {
        "schemaSettings": {"schema": "projects/far/schemas/reading", "encoding": "JSON"}}).ok
    assert far.rest("PUT", "projects/far/subscriptions/all", {
        "topic": "projects/far/topics/Incoming", "enableMessageOrdering": True}).ok
    near = launch(near_spec(far), {}, name="near")
    lines = [f'{{"n": {i}}}' if i % 50 else "bad" for i in range(400)]
    near.run("publish", "Out", "--ordering-key", "k", stdin="\n".join(lines) + "\n")
    got = []
    wait_until(lambda: len(arrived(far, got)) == 392, 90, "every good message")
    assert [text for text, _ in got] == [line for line in lines if line != "bad"]
