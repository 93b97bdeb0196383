"""The features of the suite: an id that every language uses, a title, and the clients that must show it.

`py` python, `no` node, `go`, `ja` java, `gc` gcloud, `re` REST by curl.
"""
import collections

CLIENTS = {"py": "python", "no": "node", "go": "go", "ja": "java", "gc": "gcloud", "re": "rest"}
Feature = collections.namedtuple("Feature", "id section title clients")

TABLE = """
Resources
 topics              | py no go ja gc re | Topics: create, get, list, delete; what becomes of subscriptions
 topic-update        | py no go ja gc re | Topics: update by mask
 subscriptions       | py no go ja gc re | Subscriptions: create with settings, get, list, delete
 subscription-update | py no go ja gc re | Subscriptions: update by mask; what cannot change
 labels              | py no go ja gc re | Labels on topics and subscriptions
 paging              | py no go ja gc re | Lists in pages, in any order
 error-codes         | py no go ja gc re | Google's error codes
 detach              | py no go ja gc re | Detaching a subscription
 expiration          | py go re          | Expiration policy: default, bounds, never
Publish
 publish             | py no go ja gc re | Publish with attributes and ordering key
 batching            | py no go ja       | The client's own batching
 publish-limits      | py no go ja re    | Limits of a message and a request
 publish-10mb        | py no go ja       | A message of nearly 10 MB
Delivery
 pull                | py no go ja gc re | Pull and acknowledge
 streaming-pull      | py no go ja       | Streaming pull
 flow-control        | py no go ja       | Streaming pull: outstanding messages and bytes are bounded
 lease-extension     | py no go ja gc re | Lease extension
 nack                | py no go ja gc re | Nack
 redelivery          | py no go ja re    | Redelivery after the ack deadline, not before
 ordering            | py no go ja       | Ordering keys
 ordering-nack       | py no go ja       | Ordering keys after a nack
 delivery-attempt    | py no go ja re    | Delivery attempts are counted with a dead-letter policy only
 dead-letter         | py no go ja       | Dead-letter topic and its attributes
 retry-policy        | py go             | Retry policy: backoff
 filter              | py no go ja gc re | Filters; a wrong filter is refused
 exactly-once        | py no go ja       | Exactly-once: an acknowledgement is confirmed
 exactly-once-expired | py no go ja      | Exactly-once: an expired acknowledgement fails
Time
 seek-time           | py no go ja gc re | Seek to a time, back and forward
 seek-snapshot       | py no go ja gc re | Seek to a snapshot
 snapshots           | py no go ja gc re | Snapshots: create, get, list, update, delete
 retention           | py go             | Retention of a topic: messages older than the subscription
Push
 push                | py re             | Push, wrapped
 push-unwrapped      | py                | Push, unwrapped with metadata
 push-oidc           | py                | Push with an OIDC token that verifies
 push-retry          | py                | Push is tried again after a failure
Schemas
 schema-admin        | py no go ja gc re | Schemas: create, get, list, delete, validate
 schema-avro-json    | py no go ja re    | Avro, JSON encoding: validated at publish
 schema-avro-binary  | py no go ja       | Avro, binary encoding: validated at publish
 schema-proto-json   | py no go ja       | Protobuf, JSON encoding: validated at publish
 schema-proto-binary | py no go ja       | Protobuf, binary encoding: validated at publish
 schema-revisions    | py no go ja gc re | Revisions: commit, list, rollback, delete
Transforms
 transform-topic     | py no go ja gc re | JavaScript transform on a topic
 transform-subscription | py no go ja gc re | JavaScript transform on a subscription
 transform-validate  | gc re             | Validating and testing a transform
Platform
 bigquery            | py                | BigQuery subscription
 iam                 | py no go ja gc re | IAM: get, set, test permissions
 durability          | py                | What was acknowledged survives kill -9
 rest                | re                | REST: every method of the protos' annotations, field names, Google's errors
 reflection          | py                | gRPC reflection
 health              | py                | gRPC health
"""

# What Afluente's BigQuery doors must show; other Pub/Sub servers have none.
WAREHOUSE_TABLE = """
Warehouse
 bq-datasets         | no go ja          | Datasets: make, get, change, list, delete
 bq-tables           | no go ja          | Tables and views: make, get, change, list, delete
 bq-insert           | no go ja          | insertAll with insert ids; errors of single rows
 bq-load             | no go ja          | Loads of NDJSON, CSV and Parquet by upload, schema update options
 bq-types            | no go ja          | Every type read back
 bq-parameters       | no go ja          | Named, positional, ARRAY and STRUCT parameters
 bq-paging           | no go ja          | Many rows by pages
 bq-jobs             | no go ja          | Jobs: dry run, labels, get, list, cancel, copy
 bq-errors           | no go ja          | Errors with Google's reasons
 bq-routines         | no go ja          | Routines: insert, get, list, update, delete; CREATE FUNCTION seen
 bq-storage-write    | go ja             | Storage Write: default, pending, committed streams
 bq-storage-read     | go ja             | Storage Read
"""


def _read(table):
    section, features = "", []
    for line in table.strip().splitlines():
        if not line.startswith(" "):
            section = line.strip()
            continue
        name, clients, title = (part.strip() for part in line.split("|"))
        features.append(Feature(name, section, title, tuple(CLIENTS[c] for c in clients.split())))
    return features


FEATURES = _read(TABLE)
WAREHOUSE = _read(WAREHOUSE_TABLE)
BY_ID = {feature.id: feature for feature in FEATURES}
