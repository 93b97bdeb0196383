"""Functions as one writes them for Cloud Run functions: nothing here knows Afluente."""
import base64
import json
import os

import functions_framework


@functions_framework.http
def rows(request):
    """A Pub/Sub push in, the table's rows out."""
    message = request.get_json()["message"]
    event = json.loads(base64.b64decode(message["data"]))
    if event.get("fail"):
        raise RuntimeError("told to fail")
    if event.get("drop"):
        return []
    return [{"id": event["id"], "line": k, "name": name, "kind": message.get("attributes", {}).get("kind")}
            for k, name in enumerate(event["names"])]


@functions_framework.cloud_event
def keep(event):
    """Stores for itself: a line of a file."""
    data = json.loads(base64.b64decode(event.data["message"]["data"]))
    with open(os.environ["KEPT"], "a", encoding="utf-8") as kept:
        kept.write(json.dumps({"id": data["id"], "type": event["type"], "source": event["source"],
                               "event": event["id"]}) + "\n")
