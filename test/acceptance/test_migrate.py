"""`afluente migrate`: a data directory's tables and messages to Google Cloud, which an instance plays, through kills."""
import base64
import json
import subprocess

import google_cloud
import pytest
from instance import BINARY, clean_environment, run_afluente

ROWS = 20_000


@pytest.fixture
def source(launch):
    """A stopped data directory with rows of all kinds and dead letters."""
    instance = launch(google_cloud.ROLES, google_cloud.FILES, name="source")
    for start in range(0, ROWS, 1_000):
        google_cloud.publish(instance, *({"id": n, "name": f"ñ{n}" if n % 3 else None, "day": "2026-11-24", "tags": ["a", str(n)][:n % 3]}
                                         for n in range(start, start + 1_000)))
    google_cloud.publish(instance, b"no JSON", {"id": "x"})
    instance.drain()
    return instance


def command(source, cloud, *flags):
    return ["migrate", str(source.spec), "--data-dir", str(source.data_dir), "--bigquery-endpoint", cloud.doors["bigquery"],
            "--bigquery-storage-endpoint", cloud.doors["bigquery_storage"], "--pubsub-endpoint", f"http://{cloud.doors['pubsub']}", *flags]


def rows(instance, table, order):
    return instance.query(f"SELECT * FROM {table} ORDER BY {order}")


def test_a_migration_that_is_killed_goes_on(source, cloud):
    events = rows(source, "ds.events", "id")
    letters = rows(source, "ds.dead_letters", "message_id")
    assert len(events) == ROWS and len(letters) == 2
    source.terminate()
    kills = 0
    for milliseconds in (150, 250, 350, 450, 550, 650, 750):
        with open(source.log_path, "ab") as log:
            process = subprocess.Popen([BINARY, *command(source, cloud, "--messages")], stdout=subprocess.DEVNULL, stderr=log,
                                       env=clean_environment())
        try:
            process.wait(timeout=milliseconds / 1000)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=60)
            kills += 1
    assert kills > 0, "it ended before the first kill"
    assert run_afluente(*command(source, cloud, "--messages"), timeout=300).stdout == "migrated\n"
    assert rows(cloud, "ds.events", "id") == events
    assert rows(cloud, "ds.dead_letters", "message_id") == letters
    messages = [json.loads(line) for line in cloud.run("peek", "Data", "--limit", "100000").stdout.splitlines()]
    names = [m["attributes"]["afluente_forward_id"] for m in messages]
    # Each at least once; what a kill made come twice has one name.
    assert len(set(names)) == ROWS + 2 and len(names) <= ROWS + 2 + kills * 500
    assert {base64.b64decode(m["data"]) for m in messages} >= {b"no JSON"}
    assert run_afluente(*command(source, cloud)).stdout == "migrated\n"
    assert google_cloud.counts(cloud) == (ROWS, ROWS)


def test_what_is_not_decided_is_not_left_behind(launch, cloud):
    waiting = google_cloud.ROLES.replace("table: ds.events,", "table: ds.events, transform: {http: \"http://127.0.0.1:9\"},")
    assert waiting != google_cloud.ROLES
    instance = launch(waiting, google_cloud.FILES, name="source")
    google_cloud.publish(instance, {"id": 1})
    instance.terminate()
    refused = run_afluente(*command(instance, cloud), code=1)
    assert "1 messages are not decided yet" in refused.stderr
    assert google_cloud.counts(cloud) == (0, 0)


def test_a_table_that_terraform_did_not_make_is_named(launch, cloud):
    other = google_cloud.ROLES.replace("      events:", "      absent: {schema: [{name: id, type: INT64}]}\n      events:")
    instance = launch(other, google_cloud.FILES, name="source")
    instance.terminate()
    assert "absent" in run_afluente(*command(instance, cloud), code=1).stderr
