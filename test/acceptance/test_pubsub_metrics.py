"""Google's Pub/Sub metrics in Prometheus form on the admin door."""
import re
import time

import requests

from google_clients import QUICK
from instance import wait_until
from push_endpoint import Endpoint

PREFIX = "pubsub_googleapis_com_"


def scrape(instance, resource):
    """{metric: {other labels: value}} of one topic or subscription, its full name given."""
    project, kind, ident = resource.split("/")[1:4]
    label = kind[:-1] + "_id"
    values = {}
    for line in instance.admin("/metrics").text.splitlines():
        match = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line)
        if not match or not match[1].startswith(PREFIX):
            continue
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2]))
        if labels.pop("project_id") == project and labels.pop(label, None) == ident:
            values.setdefault(match[1].removeprefix(PREFIX), {})[tuple(sorted(labels.items()))] = float(match[3])
    return values


def plain(values, name):
    return values[name][()]


def test_backlog_age_and_leases_are_read_when_scraped(shared, clients):
    topic, name = clients.pair()
    clients.publish(topic, b"1", b"2", b"3")
    time.sleep(2.2)  # publish times are kept to the second here
    clients.ack(name, clients.pull(name, 1))
    clients.pull(name, 1)
    values = scrape(shared, name)
    assert plain(values, "subscription_num_undelivered_messages") == 2
    assert plain(values, "subscription_num_outstanding_messages") == 1
    assert 1 <= plain(values, "subscription_oldest_unacked_message_age") < 30
    assert plain(values, "subscription_ack_message_count") == 1
    assert plain(values, "subscription_sent_message_count") == 2
    assert plain(values, "subscription_byte_cost") == 2
    assert plain(values, "subscription_dead_letter_message_count") == 0
    assert plain(values, "subscription_ack_latencies_count") == 1
    assert 0 < plain(values, "subscription_ack_latencies_sum") < 10_000  # milliseconds


def test_a_topics_publishes_are_counted_by_size(shared, clients):
    topic = clients.topic()
    clients.publish(topic, b"x" * 200, b"y" * 2000)
    values = scrape(shared, topic)
    assert plain(values, "topic_send_message_operation_count") == 2
    assert plain(values, "topic_byte_cost") == plain(values, "topic_message_sizes_sum") == 2200
    buckets = values["topic_message_sizes_bucket"]
    assert [buckets[(("le", bound),)] for bound in ("256", "1024", "4096", "+Inf")] == [1, 1, 2, 2]


def test_pushes_are_counted_by_result(shared, clients):
    answers = iter([404, 503])
    endpoint = Endpoint(answer=lambda push: next(answers, 200))
    try:
        topic, name = clients.pair(push_config={"push_endpoint": endpoint.url})
        clients.publish(topic, b"m")
        wait_until(lambda: plain(scrape(shared, name), "subscription_num_undelivered_messages") == 0)
        values = scrape(shared, name)
        assert values["subscription_push_request_count"] == {
            (("response_class", "ack"), ("response_code", "200")): 1,
            (("response_class", "remote_server_4xx"), ("response_code", "404")): 1,
            (("response_class", "remote_server_5xx"), ("response_code", "503")): 1}
        assert plain(values, "subscription_push_request_latencies_count") == 3
        assert 10 < plain(values, "subscription_push_request_latencies_sum") < 60e6  # microseconds
    finally:
        endpoint.close()


def test_what_is_deleted_is_not_shown_any_more(shared, clients):
    topic, name = clients.pair()
    assert scrape(shared, topic) and scrape(shared, name)
    clients.subscriber.delete_subscription(request={"subscription": name}, **QUICK)
    clients.publisher.delete_topic(request={"topic": topic}, **QUICK)
    assert scrape(shared, topic) == {} and scrape(shared, name) == {}


def test_the_page_is_well_formed_with_a_thousand_resources(launch):
    instance = launch()
    with requests.Session() as session:
        for i in range(1000):
            for kind, body in (("topics", {}), ("subscriptions", {"topic": f"projects/p/topics/t{i:04}"})):
                url = f"http://{instance.doors['pubsub']}/v1/projects/p/{kind}/{kind[0]}{i:04}"
                assert session.put(url, json=body, timeout=10).status_code == 200
    page = instance.admin("/metrics").text
    families = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.M)
    assert len(families) == len(set(name for name, _ in families))
    for line in page.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \S+ .*|[a-zA-Z_:][\w:]*(\{(\w+="([^"\\\n]|\\.)*",?)*\})? \S+', line), line
    assert page.count(PREFIX + "subscription_num_undelivered_messages{") == 1001
    assert page.count(PREFIX + "topic_byte_cost{") == 1002
