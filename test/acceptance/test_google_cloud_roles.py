"""The roles of Google Cloud: a function that Pub/Sub pushes to or that pulls, and an API, over BigQuery's protocols."""
import requests
from google_cloud import counts, publish, subscribe, subscribe_to_pull
from instance import wait_until


def test_a_pushed_message_is_a_row_that_the_api_answers(cloud, role):
    function = role("function")
    subscribe(cloud, function.port)
    publish(cloud, {"id": 1, "name": "añ", "day": "2026-11-24", "tags": ["a", "b"]}, {"id": 2}, {"id": "no"}, b"not JSON")
    wait_until(lambda: counts(cloud) == (2, 2), 60, "both rows")
    letters = wait_until(lambda: (r := cloud.query("SELECT error, attempts FROM ds.dead_letters")) and len(r) == 2 and r, 60,
                         "both dead letters")
    assert all(letter["attempts"] == 1 and letter["error"] for letter in letters)
    api = role("api", "--warehouse", "bigquery")
    answer = requests.get(f"http://127.0.0.1:{api.port}/events?least=1", timeout=60)
    assert answer.json()["rows"] == [{"id": 1, "name": "añ", "day": "2026-11-24", "tags": ["a", "b"]},
                                     {"id": 2, "name": None, "day": None, "tags": []}]
    assert "ETag" not in answer.headers
    assert requests.get(f"http://127.0.0.1:{api.port}/events?least=x", timeout=60).status_code == 400
    api.terminate()
    function.terminate()


def test_a_killed_function_loses_and_doubles_nothing(cloud, role):
    function = role("function")
    subscribe(cloud, function.port)
    for start in range(0, 2_000, 200):
        publish(cloud, *({"id": each} for each in range(start, start + 200)))
        if start % 400 == 0:
            function.kill()
            function.start()
    wait_until(lambda: counts(cloud)[1] == 2_000, 120, "every row")
    assert counts(cloud) == (2_000, 2_000)


def test_pushes_of_strangers_are_refused(cloud, role):
    keys = f"http://{cloud.doors['admin'].removeprefix('http://')}/oauth2/v3/certs"
    function = role("function", "--push-audience", "https://function.example", "--push-keys", keys,
                    "--push-account", "push@test-project.iam.gserviceaccount.com")
    body = {"message": {"messageId": "1", "data": "eyJpZCI6IDF9", "publishTime": "2026-11-24T10:00:00Z"}}
    url = f"http://127.0.0.1:{function.port}/"
    assert requests.post(url, json=body, timeout=60).status_code == 401
    assert requests.post(url, json=body, headers={"Authorization": "Bearer a.b.c"}, timeout=60).status_code == 401
    assert counts(cloud) == (0, 0)
    signed = {"topic": "projects/test-project/topics/Data", "pushConfig": {"pushEndpoint": url, "oidcToken": {
        "serviceAccountEmail": "push@test-project.iam.gserviceaccount.com", "audience": "https://function.example"}}}
    answer = requests.put(f"http://{cloud.doors['pubsub']}/v1/projects/test-project/subscriptions/signed", json=signed, timeout=30)
    assert answer.status_code == 200, answer.text
    publish(cloud, {"id": 7})
    wait_until(lambda: counts(cloud) == (1, 1), 60, "the row")


def backlog(cloud, subscription="store-function"):
    """Messages that the subscription still has for somebody."""
    text = cloud.admin("/metrics").text
    line = next(each for each in text.splitlines()
                if each.startswith("pubsub_googleapis_com_subscription_num_undelivered_messages{") and f'"{subscription}"' in each)
    return float(line.rsplit(" ", 1)[1])


def test_a_function_that_pulls_stores_and_acknowledges(cloud, role):
    """Rows, a dead letter, acknowledged after the commit; the door tells that it is there and takes no pushes."""
    subscribe_to_pull(cloud)
    function = role("function", "--pull")
    publish(cloud, {"id": 1, "name": "a"}, {"id": 2}, {"id": "no"})
    wait_until(lambda: counts(cloud) == (2, 2), 60, "both rows")
    wait_until(lambda: len(cloud.query("SELECT error FROM ds.dead_letters")) == 1, 60, "the dead letter")
    wait_until(lambda: backlog(cloud) == 0, 60, "every ack")
    url = f"http://127.0.0.1:{function.port}/"
    assert requests.get(url + "health", timeout=60).status_code == 200
    assert requests.post(url, json={"message": {"messageId": "1", "data": "eyJpZCI6IDF9"}}, timeout=60).status_code == 404
    function.terminate()


def test_a_killed_puller_loses_and_doubles_nothing(cloud, role):
    subscribe_to_pull(cloud, enableMessageOrdering=True)
    function = role("function", "--pull")
    for start in range(0, 2_000, 200):
        publish(cloud, *({"id": each} for each in range(start, start + 200)))
        if start % 400 == 0:
            function.kill()
            function.start()
    wait_until(lambda: counts(cloud)[1] == 2_000, 120, "every row")
    wait_until(lambda: backlog(cloud) == 0, 60, "every ack")
    assert counts(cloud) == (2_000, 2_000)
    function.terminate()


def test_a_puller_stays_while_pub_sub_is_away(cloud, role):
    """Its stream is opened again, and what it stored meanwhile is not stored twice."""
    subscribe_to_pull(cloud)
    function = role("function", "--pull")
    publish(cloud, {"id": 1})
    wait_until(lambda: counts(cloud) == (1, 1), 60, "the row before")
    cloud.kill()
    cloud.start(keep_ports=True)
    publish(cloud, {"id": 2})
    wait_until(lambda: counts(cloud) == (2, 2), 120, "the row after")
    function.terminate()
