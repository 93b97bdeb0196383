"""The pipeline that most tests run, and messages for it."""
import base64
import json

PROJECT = "test-project"

# A topic, a function by column name and an endpoint: what most tests need.
EVENTS = f"""\
project: {PROJECT}
topics:
  Data: {{}}
  Data-dead: {{}}
subscriptions:
  all: {{topic: Data, ack_deadline_seconds: 60}}
datasets:
  ds:
    tables:
      events:
        schema:
          - {{name: id, type: INT64, mode: REQUIRED}}
          - {{name: name, type: STRING}}
          - {{name: amount, type: NUMERIC}}
          - {{name: day, type: DATE}}
functions:
  store:
    topic: Data
    table: ds.events
endpoints:
  "/events/{{id}}":
    summary: One event
    sql: queries/event.sql
    parameters: {{id: INT64}}
  "/count":
    sql: queries/count.sql
"""
EVENTS_FILES = {
    "queries/event.sql": "SELECT id, name, amount, day FROM ds.events WHERE id = @id\n",
    "queries/count.sql": "SELECT COUNT(*) AS n FROM ds.events\n",
}


def event(**fields):
    return json.dumps(fields)


def message(data, ordering_key=None, **attributes):
    """A message in REST's form."""
    result = {"data": base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()}
    if attributes:
        result["attributes"] = attributes
    if ordering_key:
        result["orderingKey"] = ordering_key
    return result


def publish(instance, messages, topic="Data", project=PROJECT):
    """Publishes over REST; returns the ids."""
    answer = instance.rest("POST", f"projects/{project}/topics/{topic}:publish",
                           {"messages": [m if isinstance(m, dict) else message(m) for m in messages]})
    assert answer.status_code == 200, answer.text
    ids = answer.json()["messageIds"]
    assert len(ids) == len(messages) and len(set(ids)) == len(ids)
    return ids
