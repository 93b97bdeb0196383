"""The BigQuery door with `access:`: bearer tokens, and datasets by policy."""
import pytest
from bigquery_client import Rest

SPEC = """
project: guarded
access:
  members: ["domain:ltm.example"]
  roles: {viewer: ["user:vic@ltm.example", "user:eve@ltm.example"], operator: ["user:opal@ltm.example"], admin: ["user:ada@ltm.example"]}
  datasets: {secret: {members: ["user:vic@ltm.example", "user:ada@ltm.example"]}}
datasets: {secret: {location: US}}
"""
FILES = {}


class As(Rest):
    def __init__(self, instance, user):
        super().__init__(instance)
        self.token = instance.run("token", "--as", user).stdout.strip()

    def __call__(self, method, path, body=None, **options):
        options["headers"] = {"Authorization": f"Bearer {self.token}", **options.get("headers", {})}
        return super().__call__(method, path, body, **options)


@pytest.fixture(scope="module")
def people(shared):
    ada = As(shared, "ada@ltm.example")
    assert ada("POST", "/datasets", {"datasetReference": {"datasetId": "open"}}).status_code == 200
    for name in ("open", "secret"):
        assert ada.query(f"CREATE TABLE {name}.t AS SELECT 1 AS n").status_code == 200
    return {"ada": ada, **{name: As(shared, f"{name}@ltm.example") for name in ("vic", "eve", "opal", "nobody")}}


def test_without_a_token_nothing_answers(shared, people):
    rest = Rest(shared)
    assert rest.reason(rest.query("SELECT 1"), 401) == "required"
    for header in ("Bearer x.y.z", "Basic abc", "Bearer "):
        assert rest.reason(rest("GET", "/datasets", headers={"Authorization": header}), 401) == "required"


def test_datasets_by_policy(people):
    vic, eve, opal, nobody = (people[name] for name in ("vic", "eve", "opal", "nobody"))
    assert vic.query("SELECT * FROM secret.t").status_code == 200
    assert eve.query("SELECT * FROM open.t").status_code == 200
    assert eve.reason(eve.query("SELECT * FROM secret.t"), 403) == "accessDenied"
    assert eve.reason(eve.query("SELECT * FROM open.t, (SELECT * FROM secret.t)"), 403) == "accessDenied"
    assert eve.reason(eve("GET", "/datasets/secret/tables/t/data"), 403) == "accessDenied"
    assert eve.reason(eve("GET", "/datasets/secret/tables/t"), 403) == "accessDenied"
    assert [d["datasetReference"]["datasetId"] for d in eve("GET", "/datasets").json()["datasets"]] == ["open"]
    assert eve.reason(eve.query("INSERT INTO open.t (n) VALUES (2)"), 403) == "accessDenied"
    assert opal.query("INSERT INTO open.t (n) VALUES (2)").status_code == 200
    assert opal.reason(opal.query("INSERT INTO secret.t (n) VALUES (2)"), 403) == "accessDenied"
    assert opal.reason(opal("POST", "/datasets/secret/tables/t/insertAll", {"rows": [{"json": {"n": 1}}]}), 403) == "accessDenied"
    copy = {"configuration": {"copy": {"sourceTable": {"datasetId": "secret", "tableId": "t"},
                                       "destinationTable": {"datasetId": "open", "tableId": "stolen"}}}}
    assert opal.reason(opal("POST", "/jobs", copy), 403) == "accessDenied"
    assert eve.reason(eve.query("SELECT 1; SELECT * FROM secret.t"), 403) == "accessDenied"
    assert nobody.reason(nobody.query("SELECT 1"), 403) == "accessDenied"


def test_jobs_are_their_owners(people):
    vic, eve, ada = people["vic"], people["eve"], people["ada"]
    job = vic.query("SELECT n FROM secret.t").json()["jobReference"]["jobId"]
    anonymous = vic("GET", f"/jobs/{job}").json()["configuration"]["query"]["destinationTable"]
    path = f"/datasets/{anonymous['datasetId']}/tables/{anonymous['tableId']}/data"
    assert vic("GET", path).status_code == 200 and ada("GET", f"/queries/{job}").status_code == 200
    for blocked in (f"/jobs/{job}", f"/queries/{job}", path):
        assert eve.reason(eve("GET", blocked), 403) == "accessDenied"
    assert job not in [j["jobReference"]["jobId"] for j in eve("GET", "/jobs").json()["jobs"]]
