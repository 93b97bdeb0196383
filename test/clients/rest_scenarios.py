"""The features that curl shows over REST. `curl` is rest_client.Curl."""
import base64
import datetime
import json
import urllib.parse

from outcome import Scenarios, expect, require
from push_receiver import Receiver

scenarios = Scenarios("rest")
AVRO = json.dumps({"type": "record", "name": "State", "fields": [
    {"name": "name", "type": "string"}, {"name": "id", "type": "int"}]})
AVRO_MORE = json.dumps({"type": "record", "name": "State", "fields": [
    {"name": "name", "type": "string"}, {"name": "id", "type": "int"},
    {"name": "note", "type": "string", "default": ""}]})
UPPER = """function upper(message, metadata) {
  if (message.attributes.drop) return null;
  return {data: message.data.toUpperCase(), attributes: message.attributes};
}"""
TRANSFORM = {"javascriptUdf": {"functionName": "upper", "code": UPPER}}


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def texts(received):
    return sorted(base64.b64decode(r["message"].get("data", "")).decode() for r in received)


def moment(offset):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return when.isoformat().replace("+00:00", "Z")


@scenarios("topics")
def topics(curl):
    topic, subscription = curl.pair()
    expect("the topic", curl("GET", topic)["name"], topic)
    listed = [t["name"] for t in curl("GET", f"{curl.project}/topics?pageSize=1000")["topics"]]
    require("the list lacks it", topic in listed)
    expect("its subscriptions", curl("GET", f"{topic}/subscriptions")["subscriptions"], [subscription])
    expect("DELETE", curl("DELETE", topic), {})
    curl.refused("GET after DELETE", 404, "NOT_FOUND", "GET", topic)
    expect("topic of the subscription left behind", curl("GET", subscription)["topic"], "_deleted-topic_")


@scenarios("topic-update")
def topic_update(curl):
    topic = curl.topic()
    body = {"topic": {"labels": {"a": "b"}, "messageRetentionDuration": "3600s"}, "updateMask": "labels"}
    changed = curl("PATCH", topic, body)
    expect("labels", changed["labels"], {"a": "b"})
    require("a field outside the mask changed", "messageRetentionDuration" not in changed)
    changed = curl("PATCH", topic, {**body, "updateMask": "messageRetentionDuration"})
    expect("retention", changed["messageRetentionDuration"], "3600s")


@scenarios("subscriptions")
def subscriptions(curl):
    topic = curl.topic()
    name = curl.subscription(topic, ackDeadlineSeconds=25, enableMessageOrdering=True, messageRetentionDuration="1200s")
    stored = curl("GET", name)
    expect("settings", [stored["topic"], stored["ackDeadlineSeconds"], stored["enableMessageOrdering"],
                        stored["messageRetentionDuration"]], [topic, 25, True, "1200s"])
    listed = [x["name"] for x in curl("GET", f"{curl.project}/subscriptions?pageSize=1000")["subscriptions"]]
    require("the list lacks it", name in listed)
    curl("DELETE", name)
    curl.refused("GET after DELETE", 404, "NOT_FOUND", "GET", name)


@scenarios("subscription-update")
def subscription_update(curl):
    _, name = curl.pair()
    body = {"subscription": {"ackDeadlineSeconds": 40, "labels": {"not": "masked"},
                             "retryPolicy": {"minimumBackoff": "1s", "maximumBackoff": "9s"}},
            "updateMask": "ackDeadlineSeconds,retryPolicy"}
    changed = curl("PATCH", name, body)
    expect("changes", [changed["ackDeadlineSeconds"], changed["retryPolicy"]["maximumBackoff"]], [40, "9s"])
    require("a field outside the mask changed", not changed.get("labels"))
    curl.refused("changing the ordering", 400, "INVALID_ARGUMENT", "PATCH", name,
                 {"subscription": {"enableMessageOrdering": True}, "updateMask": "enableMessageOrdering"})


@scenarios("labels")
def labels(curl):
    topic = curl.topic(labels={"team": "data"})
    expect("topic's labels", curl("GET", topic)["labels"], {"team": "data"})
    expect("subscription's labels", curl("GET", curl.subscription(topic, labels={"a": "b"}))["labels"], {"a": "b"})


@scenarios("paging")
def paging(curl):
    topic = curl.topic()
    made = sorted(curl.subscription(topic) for _ in range(5))
    names, token = [], ""
    while len(names) < 20:
        page = curl("GET", f"{topic}/subscriptions?pageSize=2&pageToken={urllib.parse.quote(token)}")
        require("a page of more than 2", len(page.get("subscriptions", [])) <= 2)
        names += page.get("subscriptions", [])
        token = page.get("nextPageToken", "")
        if not token:
            break
    expect("the pages together", sorted(names), made)


@scenarios("error-codes")
def error_codes(curl):
    topic, subscription = curl.pair()
    missing = f"{curl.project}/topics/missing"
    curl.refused("a topic twice", 409, "ALREADY_EXISTS", "PUT", topic, {})
    curl.refused("a bad name", 400, "INVALID_ARGUMENT", "PUT", f"{curl.project}/topics/goog-x", {})
    curl.refused("no topic", 404, "NOT_FOUND", "POST", f"{missing}:publish", {"messages": [{"data": "eA=="}]})
    curl.refused("max 0", 400, "INVALID_ARGUMENT", "POST", f"{subscription}:pull", {"maxMessages": 0})


@scenarios("detach")
def detach(curl):
    _, subscription = curl.pair()
    curl("POST", f"{subscription}:detach")
    expect("detached", curl("GET", subscription).get("detached"), True)
    curl.refused("pull from it", 400, "FAILED_PRECONDITION", "POST", f"{subscription}:pull", {"maxMessages": 1})


@scenarios("expiration")
def expiration(curl):
    topic, subscription = curl.pair()
    expect("default time to live", curl("GET", subscription).get("expirationPolicy"), {"ttl": "2678400s"})
    expect("never", curl("GET", curl.subscription(topic, expirationPolicy={})).get("expirationPolicy"), {})


@scenarios("publish")
def publish(curl):
    topic, subscription = curl.pair(enableMessageOrdering=True)
    body = {"messages": [{"data": encoded("größe"), "attributes": {"a": "1"}, "orderingKey": "k"}]}
    ids = curl("POST", f"{topic}:publish", body)["messageIds"]
    message = curl.take(subscription, 1)[0]["message"]
    expect("data", base64.b64decode(message["data"]).decode(), "größe")
    expect("the rest", [message["attributes"], message["orderingKey"], message["messageId"]], [{"a": "1"}, "k", ids[0]])
    require("no publishTime", message["publishTime"].endswith("Z"))


@scenarios("publish-limits")
def publish_limits(curl):
    topic, subscription = curl.pair()
    for what, message in (("an empty message", {}), ("a long value", {"attributes": {"k": "v" * 1025}}),
                          ("data that is no base64", {"data": "***"})):
        curl.refused(what, 400, "INVALID_ARGUMENT", "POST", f"{topic}:publish",
                     {"messages": [{"data": "eA=="}, message]})
    curl.none(subscription, "something of a refused request was stored")


@scenarios("pull")
def pull(curl):
    topic, subscription = curl.pair()
    curl.put(topic, "a", "b")
    received = curl.take(subscription, 2)
    expect("messages", texts(received), ["a", "b"])
    curl.ack(subscription, received)
    curl.none(subscription, "an acknowledged message came back")


@scenarios("lease-extension")
def lease_extension(curl):
    topic, subscription = curl.pair(ackDeadlineSeconds=10)
    curl.put(topic, "kept")
    curl.extend(subscription, curl.take(subscription, 1), 60)
    curl.none(subscription, "given out again within the extended lease", seconds=12)


@scenarios("nack")
def nack(curl):
    topic, subscription = curl.pair()
    curl.put(topic, "again")
    curl.extend(subscription, curl.take(subscription, 1), 0)
    expect("redelivered", texts(curl.take(subscription, 1)), ["again"])


@scenarios("redelivery")
def redelivery(curl):
    topic, subscription = curl.pair(ackDeadlineSeconds=10)
    curl.put(topic, "again")
    curl.take(subscription, 1)
    curl.none(subscription, "redelivered before its deadline", seconds=8)
    curl.take(subscription, 1)


@scenarios("delivery-attempt")
def delivery_attempt(curl):
    topic = curl.topic()
    subscription = curl.subscription(topic, deadLetterPolicy={"deadLetterTopic": curl.topic(), "maxDeliveryAttempts": 5})
    curl.put(topic, "x")
    for attempt in (1, 2, 3):
        received = curl.take(subscription, 1)
        expect("attempt", received[0].get("deliveryAttempt"), attempt)
        curl.extend(subscription, received, 0)


@scenarios("filter")
def filters(curl):
    topic = curl.topic()
    subscription = curl.subscription(topic, filter='attributes.kind = "a"')
    curl.put(topic, "no", kind="b")
    curl.put(topic, "yes", kind="a")
    expect("what passes", texts(curl.take(subscription, 1)), ["yes"])
    curl.none(subscription, "more than the filter asks for")
    curl.refused("a wrong filter", 400, "INVALID_ARGUMENT", "PUT", curl.name("subscriptions"),
                 {"topic": topic, "filter": "attributes.kind = = 1"})


@scenarios("seek-time")
def seek_time(curl):
    topic, subscription = curl.pair(retainAckedMessages=True)
    curl.put(topic, "one", "two")
    curl.ack(subscription, curl.take(subscription, 2))
    curl("POST", f"{subscription}:seek", {"time": moment(-600)})
    expect("after a seek back", texts(curl.take(subscription, 2)), ["one", "two"])
    curl("POST", f"{subscription}:seek", {"time": moment(60)})
    curl.none(subscription, "a seek forward left messages")


@scenarios("seek-snapshot")
def seek_snapshot(curl):
    topic, subscription = curl.pair()
    curl.put(topic, "left")
    snapshot = curl("PUT", curl.name("snapshots"), {"subscription": subscription})["name"]
    curl.ack(subscription, curl.take(subscription, 1))
    curl("POST", f"{subscription}:seek", {"snapshot": snapshot})
    expect("after the seek", texts(curl.take(subscription, 1)), ["left"])


@scenarios("snapshots")
def snapshots(curl):
    topic, subscription = curl.pair()
    name = curl("PUT", curl.name("snapshots"), {"subscription": subscription, "labels": {"a": "b"}})["name"]
    stored = curl("GET", name)
    expect("topic and labels", [stored["topic"], stored["labels"]], [topic, {"a": "b"}])
    expect("of the topic", curl("GET", f"{topic}/snapshots")["snapshots"], [name])
    require("the list lacks it", name in [x["name"] for x in curl("GET", f"{curl.project}/snapshots")["snapshots"]])
    changed = curl("PATCH", name, {"snapshot": {"labels": {"c": "d"}}, "updateMask": "labels"})
    expect("updated labels", changed["labels"], {"c": "d"})
    curl("DELETE", name)
    curl.refused("GET after DELETE", 404, "NOT_FOUND", "GET", name)


@scenarios("push")
def push(curl):
    receiver = Receiver()
    topic, subscription = curl.pair(pushConfig={"pushEndpoint": receiver.url})
    try:
        ids = curl.put(topic, "pushed", a="1")
        envelope = json.loads(receiver.take()[1])
        expect("subscription", envelope["subscription"], subscription)
        expect("message", [envelope["message"]["messageId"], envelope["message"]["attributes"]], [ids[0], {"a": "1"}])
        curl("POST", f"{subscription}:modifyPushConfig", {"pushConfig": {}})
        require("still a push subscription", not curl("GET", subscription).get("pushConfig", {}).get("pushEndpoint"))
    finally:
        curl("DELETE", subscription)
        receiver.close()


def make_schema(curl, definition=AVRO):
    schema_id = curl.name("schemas").rsplit("/", 1)[1]
    return curl("POST", f"{curl.project}/schemas?schemaId={schema_id}", {"type": "AVRO", "definition": definition})


@scenarios("schema-admin")
def schema_admin(curl):
    schema = make_schema(curl)
    expect("definition", curl("GET", schema["name"] + "?view=FULL")["definition"], AVRO)
    listed = [x["name"] for x in curl("GET", f"{curl.project}/schemas?pageSize=1000")["schemas"]]
    require("the list lacks it", schema["name"] in listed)
    curl("POST", f"{curl.project}/schemas:validate", {"schema": {"type": "AVRO", "definition": AVRO}})
    body = {"name": schema["name"], "encoding": "JSON"}
    curl("POST", f"{curl.project}/schemas:validateMessage", {**body, "message": encoded('{"name": "A", "id": 1}')})
    curl.refused("a wrong message", 400, "INVALID_ARGUMENT", "POST", f"{curl.project}/schemas:validateMessage",
                 {**body, "message": encoded('{"name": 1}')})
    curl("DELETE", schema["name"])
    curl.refused("GET after DELETE", 404, "NOT_FOUND", "GET", schema["name"])


@scenarios("schema-avro-json")
def schema_avro_json(curl):
    schema = make_schema(curl)
    topic = curl.topic(schemaSettings={"schema": schema["name"], "encoding": "JSON"})
    subscription = curl.subscription(topic)
    curl.put(topic, '{"name": "A", "id": 1}')
    attributes = curl.take(subscription, 1)[0]["message"]["attributes"]
    expect("revision", attributes.get("googclient_schemarevisionid"), schema["revisionId"])
    curl.refused("a wrong message", 400, "INVALID_ARGUMENT", "POST", f"{topic}:publish",
                 {"messages": [{"data": encoded('{"name": "A"}')}]})


@scenarios("schema-revisions")
def schema_revisions(curl):
    first = make_schema(curl)
    name = first["name"]
    second = curl("POST", f"{name}:commit", {"schema": {"name": name, "type": "AVRO", "definition": AVRO_MORE}})
    listed = [x["revisionId"] for x in curl("GET", f"{name}:listRevisions")["schemas"]]
    expect("revisions", sorted(listed), sorted([first["revisionId"], second["revisionId"]]))
    third = curl("POST", f"{name}:rollback", {"revisionId": first["revisionId"]})
    expect("after the rollback", curl("GET", name + "?view=FULL")["definition"], AVRO)
    curl("DELETE", f"{name}@{second['revisionId']}:deleteRevision")
    listed = [x["revisionId"] for x in curl("GET", f"{name}:listRevisions")["schemas"]]
    expect("after deleting the second", sorted(listed), sorted([first["revisionId"], third["revisionId"]]))


@scenarios("transform-topic")
def transform_topic(curl):
    topic = curl.topic(messageTransforms=[TRANSFORM])
    subscription = curl.subscription(topic)
    curl.put(topic, "gone", drop="1")
    curl.put(topic, "hello")
    expect("the messages", texts(curl.take(subscription, 1)), ["HELLO"])


@scenarios("transform-subscription")
def transform_subscription(curl):
    topic, plain = curl.pair()
    changed = curl.subscription(topic, messageTransforms=[TRANSFORM])
    curl.put(topic, "hello")
    expect("without a transform", texts(curl.take(plain, 1)), ["hello"])
    expect("with it", texts(curl.take(changed, 1)), ["HELLO"])


@scenarios("transform-validate")
def transform_validate(curl):
    code, _, text = curl.send("POST", f"{curl.project}:validateMessageTransform", {"messageTransform": TRANSFORM})
    if code == 404:
        raise NotImplementedError(f"validateMessageTransform: 404 {text}")
    expect("validateMessageTransform", [code, json.loads(text or "{}")], [200, {}])
    broken = {"javascriptUdf": {"functionName": "upper", "code": "function upper( {"}}
    curl.refused("a broken script", 400, "INVALID_ARGUMENT", "POST", f"{curl.project}:validateMessageTransform",
                 {"messageTransform": broken})
    body = {"message": {"data": encoded("hello"), "attributes": {"a": "1"}},
            "messageTransforms": {"messageTransforms": [TRANSFORM]}}
    answer = curl("POST", f"{curl.project}:testMessageTransforms", body)
    states = answer["transformedMessages"]
    expect("states", len(states), 1)
    expect("the message", base64.b64decode(states[0]["transformedMessage"]["data"]), b"HELLO")
    body["message"]["attributes"] = {"drop": "1"}
    states = curl("POST", f"{curl.project}:testMessageTransforms", body)["transformedMessages"]
    require(f"a dropped message is not said to be filtered: {states}", "filteredMessage" in states[0])


@scenarios("iam")
def iam(curl):
    topic, subscription = curl.pair()
    for resource in (topic, subscription):
        bindings = [{"role": "roles/pubsub.viewer", "members": ["user:a@example.com"]}]
        curl("POST", f"{resource}:setIamPolicy", {"policy": {"bindings": bindings}})
        code, _, text = curl.send("GET", f"{resource}:getIamPolicy")
        expect("getIamPolicy by GET, as the service's REST reference has it", code, 200)
        expect("bindings", json.loads(text)["bindings"], bindings)
    curl("POST", f"{topic}:testIamPermissions", {"permissions": ["pubsub.topics.get"]})
