"""Google's own BigQuery client for Python, unmodified, pointed at an instance by its address alone."""
import uuid

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery


def client_of(instance):
    return bigquery.Client(project=instance.doors["project"], credentials=AnonymousCredentials(),
                           client_options={"api_endpoint": instance.doors["bigquery"]})


def new_dataset(client):
    name = f"d_{uuid.uuid4().hex[:12]}"
    client.create_dataset(name)
    return name


def rows_of(result):
    return [tuple(row.values()) for row in result]


class Rest:
    """Plain HTTP, for what no client sends."""

    def __init__(self, instance):
        self.root = instance.doors["bigquery"]
        self.base = f"{self.root}/bigquery/v2/projects/{instance.doors['project']}"

    def __call__(self, method, path, body=None, **options):
        options.setdefault("timeout", 60)
        return requests.request(method, self.base + path, json=body, **options)

    def query(self, sql, **body):
        return self("POST", "/queries", {"query": sql, "useLegacySql": False, **body})

    def reason(self, answer, status):
        assert answer.status_code == status, answer.text
        return answer.json()["error"]["errors"][0]["reason"]
