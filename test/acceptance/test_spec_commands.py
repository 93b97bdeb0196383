"""validate, init, version, and the exit codes of wrong usage: no instance runs."""
import base64
import json
import pathlib
import re
import shutil

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from instance import ROOT, Instance, run_afluente, write_pipeline
from pipeline import EVENTS, EVENTS_FILES, PROJECT, publish

GOOD = """\
project: test-project
topics:
  Data: {message_retention_duration: 604800s}
  Dead: {}
subscriptions:
  audit: {topic: Data, filter: 'attributes.kind = "audit"', ack_deadline_seconds: 30}
datasets:
  ds:
    location: US
    tables:
      t:
        schema:
          - {name: id, type: INT64, mode: REQUIRED}
          - {name: tags, type: STRING, mode: REPEATED}
          - {name: day, type: DATE}
        time_partitioning: {type: DAY, field: day}
        clustering: [id]
      plain: {schema: [{name: id, type: INT64}]}
functions:
  store:
    topic: Data
    filter: 'attributes.kind = "x"'
    table: ds.t
    transform: {sql: f.sql}
    dead_letter_policy: {topic: Dead, max_delivery_attempts: 5}
    start: earliest
  by_name:
    topic: Data
    table: ds.plain
    unknown_fields: reject
endpoints:
  "/t/{id}": {summary: A row, sql: q.sql, parameters: {id: INT64}}
"""
GOOD_FILES = {"f.sql": "SELECT CAST(JSON_VALUE(data, '$.id') AS INT64) AS id, ARRAY<STRING>[] AS tags, NULL AS day\n"
                       "FROM messages\n",
              "q.sql": "SELECT id FROM ds.t WHERE id = @id\n"}


def edited(old, new):
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


# name -> (what is replaced, by what, the text that the finding points at, what the message says)
BAD = {
    "no project": ("project: test-project\n", "", None, ["project"]),
    "unknown key at the top": ("functions:", "function:", "function:", ["function", "functions"]),
    "unknown key in a topic": ("message_retention_duration", "message_retention_durations", "message_retention_durations",
                               ["did you mean message_retention_duration?"]),
    "unknown key in a function": ("    filter: 'attributes.kind = \"x\"'", "    filtre: x", "filtre", ["filtre", "filter"]),
    "a list where a map belongs": ("  Data: {message_retention_duration: 604800s}\n  Dead: {}", "  - Data", "- Data",
                                   ["topics", "map"]),
    "text where a number belongs": ("ack_deadline_seconds: 30", "ack_deadline_seconds: soon", "soon",
                                    ["ack_deadline_seconds", "soon"]),
    "a number out of range": ("ack_deadline_seconds: 30", "ack_deadline_seconds: 5}#", "5}#",
                              ["ack_deadline_seconds", "10", "600"]),
    "a duration without unit": ("604800s", "604800", "604800", ["message_retention_duration"]),
    "an unknown type": ("type: INT64, mode: REQUIRED", "type: INT46, mode: REQUIRED", "INT46", ["INT46", "INT64"]),
    "an unknown mode": ("mode: REQUIRED", "mode: REQUIRE", "REQUIRE", ["REQUIRE", "REQUIRED"]),
    "a column twice": ("name: tags", "name: ID", "ID", ["ID"]),
    "a reserved column": ("name: tags", "name: _message_id", "_message_id", ["_message_id"]),
    "a topic that is not there": ("    topic: Data\n    filter", "    topic: Dat\n    filter", "Dat\n", ["Dat", "Data"]),
    "a table that is not there": ("table: ds.t\n", "table: ds.tt\n", "ds.tt", ["tt", "ds.t"]),
    "a dataset that is not there": ("table: ds.t\n", "table: dt.t\n", "dt.t", ["dt", "ds"]),
    "a partition column that is not there": ("field: day", "field: dat", "dat", ["dat", "day"]),
    "a clustering column that is not there": ("clustering: [id]", "clustering: [ix]", "ix]", ["ix"]),
    "a dead letter topic that is not there": ("{topic: Dead, max", "{topic: Deed, max", "Deed", ["Deed", "Dead"]),
    "a bad filter": ("'attributes.kind = \"x\"'", "'attributes.kind ='", "'attributes.kind ='", ["filter"]),
    "a bad subscription filter": ("'attributes.kind = \"audit\"'", "'kind'", "'kind'", ["filter"]),
    "a bad choice": ("unknown_fields: reject", "unknown_fields: refuse", "refuse", ["refuse", "reject"]),
    "a file that is not there": ("sql: f.sql", "sql: g.sql", "g.sql", ["g.sql"]),
    "a path parameter without a type": ("parameters: {id: INT64}", "parameters: {}", '"/t/{id}"', ["id"]),
    "a parameter of an unknown type": ("parameters: {id: INT64}", "parameters: {id: NUMBER}", "NUMBER", ["NUMBER"]),
    "a bad path": ('"/t/{id}"', '"t/{id}"', '"t/{id}"', ["/"]),
    "a bad project": ("project: test-project", "project: Test Project", "Test Project", ["project"]),
    "a bad topic name": ("  Data: {mess", "  1Data: {mess", "1Data", ["1Data"]),
    "a key twice": ("project: test-project\n", "project: test-project\nproject: other\n", "project: other", ["project"]),
    "not YAML": ("topics:", "topics: ]", "]", []),
    "a list": (GOOD, "- project\n", "- project", ["map"]),
    "empty": (GOOD, "", None, ["project"]),
    "the dead letter table declared": ("      t:\n", "      dead_letters:\n", "dead_letters:", ["dead_letters"]),
    "a table that two functions feed": ("table: ds.plain", "table: ds.t # again", "ds.t # again", ["ds.t", "store"]),
    "dead letters that come back": ("{topic: Dead, max", "{topic: Data, max", "Data, max", ["dead"]),
    "a part that this version has not": ("  Data: {mess", "  Data: {labels: {}, mess", "labels", ["labels"]),
}


def place_of(name):
    """The 1-based line and column that a finding must give."""
    old, new, needle, _ = BAD[name]
    spec = edited(old, new)
    if needle is None:
        return spec, 1, 1
    assert spec.count(needle) == 1 or needle in new, needle
    begin = spec.index(new) + new.rindex(needle) if needle in new else spec.index(needle)
    return spec, spec.count("\n", 0, begin) + 1, begin - (spec.rfind("\n", 0, begin) + 1) + 1


@pytest.fixture
def pipeline(tmp_path):
    return lambda spec, files=None: write_pipeline(tmp_path, spec, GOOD_FILES if files is None else files)


def test_validate_accepts_a_good_specification(pipeline):
    result = run_afluente("validate", pipeline(GOOD))
    assert "valid" in result.stdout
    assert json.loads(run_afluente("validate", pipeline(GOOD), "--json").stdout)["valid"] is True


@pytest.mark.parametrize("name", BAD)
def test_validate_names_file_line_and_column_of(pipeline, name):
    spec, line, column = place_of(name)
    result = run_afluente("validate", pipeline(spec), code=2)
    match = re.search(rf"afluente\.yaml:{line}:{column}: (.*)", result.stderr)
    assert match, f"expected a finding at {line}:{column}, got:\n{result.stderr}"
    assert [word for word in BAD[name][3] if word not in match.group(1)] == [], result.stderr
    answer = json.loads(run_afluente("validate", pipeline(spec), "--json", code=2).stdout)
    assert answer["valid"] is False and answer["findings"]


@pytest.mark.parametrize("files, named, place", [
    ({"f.sql": "SELECT COUNT(*) AS id FROM messages\n"}, "f.sql", "1:8"),
    ({"f.sql": "SELECT 1 AS id\nFROM ds.t\n"}, "f.sql", "2:6"),
    ({"f.sql": "SELECT DISTINCT 1 AS id FROM messages\n"}, "f.sql", None),
    ({"f.sql": "SELECT 1 AS id FROM messages LIMIT 1\n"}, "f.sql", None),
    ({"f.sql": "SELECT RAND() AS id FROM messages\n"}, "f.sql", "1:8"),
    ({"f.sql": "SELECT ROW_NUMBER() OVER () AS id FROM messages\n"}, "f.sql", None),
    ({"f.sql": "SELECT 1 AS id FROM messages UNION ALL SELECT 2 FROM messages\n"}, "f.sql", None),
    ({"f.sql": "SELECT 1 AS no_such_column FROM messages\n"}, "f.sql", None),
    ({"f.sql": "SELECT 1 AS\n"}, "f.sql", None),
    ({"q.sql": "SELECT id FROM\nds.t WHERE id = = @id\n"}, "q.sql", "2:17"),
    ({"q.sql": "SELECT id FROM ds.absent WHERE id = @id\n"}, "q.sql", None),
    ({"q.sql": "SELECT id FROM ds.t WHERE id = @other\n"}, "q.sql", None),
    ({"q.sql": "DELETE FROM ds.t WHERE id = @id\n"}, "q.sql", None),
], ids=lambda value: list(value.values())[0].replace("\n", " ").strip() if isinstance(value, dict) else "")
def test_a_wrong_sql_file_is_refused_with_its_place(pipeline, files, named, place):
    """By validate; what needs the warehouse to know may be refused by `up` instead, before it is ready."""
    spec = pipeline(GOOD, {**GOOD_FILES, **files})
    result = run_afluente("validate", spec, code=None)
    if result.returncode == 0:
        result = run_afluente("up", spec, "--data-dir", spec.parent / "data", "--ephemeral-ports", code=None,
                              timeout=20)
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert named in result.stderr
    if place:
        assert f"{named}:{place}" in result.stderr or f"[{place}]" in result.stderr, result.stderr


def test_all_findings_are_told_at_once(pipeline):
    spec = edited("table: ds.t\n", "table: ds.tt\n").replace("mode: REQUIRED", "mode: NEEDED").replace("field: day", "field: x")
    text = run_afluente("validate", pipeline(spec), code=2).stderr
    lines = [spec.count("\n", 0, spec.index(wrong)) + 1 for wrong in ("NEEDED", "field: x", "ds.tt")]
    assert [f":{line}:" in text for line in lines] == [True] * 3, text


def test_up_refuses_a_bad_specification_before_it_touches_the_data_directory(pipeline, tmp_path):
    result = run_afluente("up", pipeline(edited("functions:", "function:")), "--data-dir", tmp_path / "data",
                          "--ephemeral-ports", code=2)
    assert re.search(r"afluente\.yaml:\d+:1: ", result.stderr) and result.stdout == ""
    assert not (tmp_path / "data").exists()


def test_the_schema_accepts_the_examples_and_refuses_what_validate_refuses(pipeline):
    schema = json.loads(run_afluente("validate", "--schema").stdout)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        pytest.fail(f"not a JSON Schema: {error}")
    validator = Draft202012Validator(schema)
    examples = sorted((ROOT / "examples").glob("*/afluente.yaml"))
    assert examples, "no examples"
    for path in examples:
        validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        run_afluente("validate", path)
    validator.validate(yaml.safe_load(GOOD))
    for name in ("no project", "unknown key at the top", "unknown key in a topic", "text where a number belongs",
                 "a number out of range", "a duration without unit", "an unknown mode", "a bad choice", "a list"):
        assert not validator.is_valid(yaml.safe_load(place_of(name)[0])), name


def test_limits_shows_every_limit_with_its_default(pipeline):
    text = run_afluente("validate", pipeline(GOOD), "--limits").stdout
    for name in ("memory", "threads", "disk", "request_bytes"):
        assert name in text


def test_version_in_both_forms():
    version = json.loads(run_afluente("version", "--json").stdout)["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert version in run_afluente("version").stdout


@pytest.mark.parametrize("command, code", [
    ((), 2), (("fly",), 2), (("version", "--colour"), 2), (("publish",), 2), (("query",), 2),
    (("pull", "all", "--limit", "many"), 2), (("pull", "all", "--limit", "0"), 2), (("up", "absent.yaml"), 2),
    (("validate", "absent.yaml"), 2), (("up", "--api-listen", "nonsense"), 2),
    (("--help",), 0), (("up", "--help"), 0), (("version",), 0)])
def test_exit_codes_without_an_instance(tmp_path, command, code):
    result = run_afluente(*command, code=code, cwd=tmp_path)
    assert code == 0 or result.stderr.strip(), "an error says what is wrong, on stderr"
    assert code == 0 or result.stdout == ""


@pytest.mark.parametrize("command", [("publish", "Data"), ("pull", "all"), ("query", "SELECT 1"), ("check",),
                                     ("drain",), ("env",), ("health",)])
def test_a_client_command_without_instance_and_data_exits_1_saying_so(tmp_path, command):
    result = run_afluente(*command, "--data-dir", tmp_path / "nothing", code=1, cwd=tmp_path)
    assert "no running instance" in result.stderr and result.stdout == ""
    assert not (tmp_path / "nothing").exists(), "asking creates nothing"


def test_up_listens_beyond_loopback_only_with_identity(pipeline, tmp_path):
    for flag in ("--api-listen", "--pubsub-listen", "--admin-listen", "--ingest-listen"):
        result = run_afluente("up", pipeline(GOOD), "--data-dir", tmp_path / "data", flag, "0.0.0.0:0", code=2)
        assert flag in result.stderr and "loopback" in result.stderr


def test_init_writes_a_pipeline_that_works_as_it_says(tmp_path):
    directory = tmp_path / "first"
    said = run_afluente("init", directory).stdout
    assert "afluente up" in said
    spec_path = directory / "afluente.yaml"
    run_afluente("validate", spec_path)
    again = run_afluente("init", directory, code=None)
    assert again.returncode in (1, 2) and "already" in again.stderr

    spec = yaml.safe_load(spec_path.read_text(encoding="utf-8"))
    files = {str(p.relative_to(directory)): p.read_text(encoding="utf-8")
             for p in directory.rglob("*") if p.is_file() and p != spec_path}
    [function] = spec["functions"].values()
    instance = Instance(tmp_path / "run", spec_path.read_text(encoding="utf-8"), files)
    try:
        instance.start()
        subscription = f"projects/{spec['project']}/subscriptions/look"
        instance.rest("PUT", subscription, {"topic": f"projects/{spec['project']}/topics/{function['topic']}"})
        sample = files["events.ndjson"]
        instance.run("publish", function["topic"], stdin=sample)
        count = len(sample.splitlines())
        instance.drain()
        assert instance.balance(next(iter(spec["functions"])))["stored"] == count > 0
        assert instance.value(f"SELECT COUNT(*) AS n FROM {function['table']}") == count
        assert instance.get("/events/purchase").json()["rows"], "the endpoint answers from the sample"
        assert len(instance.run("pull", "look", "--ack", "--json").stdout.splitlines()) == count
        assert instance.terminate() < 10
    finally:
        instance.discard()
        Instance.alive.remove(instance)


def test_up_takes_afluente_yaml_of_the_current_directory(tmp_path):
    directory = tmp_path / "here"
    write_pipeline(directory, EVENTS, EVENTS_FILES)
    run_afluente("validate", cwd=directory)
    shutil.move(directory / "afluente.yaml", directory / "other.yaml")
    result = run_afluente("validate", code=2, cwd=directory)
    assert "afluente.yaml" in result.stderr
    assert pathlib.Path(directory / "other.yaml").exists()


def pulled(instance):
    return [base64.b64decode(json.loads(line)["data"])
            for line in instance.run("pull", "all", "--json").stdout.splitlines()]


def test_up_starts_when_a_topic_of_its_specification_was_deleted(launch):
    instance = launch()
    topic, subscription = f"projects/{PROJECT}/topics/Data", f"projects/{PROJECT}/subscriptions/all"
    publish(instance, ["kept"])
    assert instance.rest("DELETE", topic).status_code == 200
    instance.terminate()
    instance.start()
    warning = next(line for line in instance.log().splitlines() if "topic was deleted" in line)
    fields = json.loads(warning)
    assert (fields["severity"], fields["subscription"], fields["topic"]) == ("WARNING", "all", "Data")
    # The topic is there again, and the old one's subscription keeps what it has.
    assert instance.rest("GET", topic).status_code == 200
    assert instance.rest("GET", subscription).json()["topic"] == "_deleted-topic_"
    publish(instance, ["of the new topic"])
    assert pulled(instance) == [b"kept"]
    # What the warning says to do.
    assert instance.rest("DELETE", subscription).status_code == 200
    instance.terminate()
    instance.start()
    assert "topic was deleted" not in instance.log().split(warning)[1]
    assert instance.rest("GET", subscription).json()["topic"] == topic
    publish(instance, ["for both"])
    assert pulled(instance) == [b"for both"]
