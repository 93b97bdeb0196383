"""Functions as one writes them for Cloud Run functions: nothing here knows Afluente."""
import base64
import json
import os

import functions_framework
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery


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


@functions_framework.http
def warehouse(request):
    """Stores for itself through Google's client, as the original system's function did."""
    push = request.get_json()
    data = json.loads(base64.b64decode(push["message"]["data"]))
    client = bigquery.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"], credentials=AnonymousCredentials(),
                             client_options={"api_endpoint": os.environ["WAREHOUSE"]})
    # The message's id keeps BigQuery from storing a row twice when the same message comes again.
    errors = client.insert_rows_json(os.environ["TABLE"], [data], row_ids=[push["message"]["messageId"]])
    if errors:
        return str(errors), 500
    if data.get("name") == "late" and push.get("deliveryAttempt") == 1:
        return "stored, but this is not said", 503
    return "", 204
