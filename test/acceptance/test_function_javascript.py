"""JavaScript transforms: rows, drops, retries and dead letters; what they see of a message."""

from pipeline import event, message, publish

SPEC = """\
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      lines:
        schema:
          - {name: id, type: INT64, mode: REQUIRED}
          - {name: sku, type: STRING}
          - {name: luck, type: FLOAT64}
          - {name: at, type: TIMESTAMP}
          - {name: attempt, type: INT64}
          - {name: seen, type: JSON}
functions:
  store:
    topic: Data
    table: ds.lines
    transform: {javascript: lines.js}
    retry_policy: {minimum_backoff: 0.1s, maximum_backoff: 0.2s}
"""
CODE = """\
function order(message, metadata) {
  const order = JSON.parse(message.data);
  if (order.draft) return null;
  if (order.loop) while (true) {}
  if (order.wrong) return {id: 'seven'};
  if (order.until && metadata.delivery_attempt < order.until) throw new Error('not yet');
  return order.lines.map(line => ({
    id: order.id, sku: line, luck: Math.random(), at: new Date(), attempt: metadata.delivery_attempt,
    seen: {attributes: message.attributes, metadata: metadata},
  }));
}
"""


def test_rows_drops_retries_and_dead_letters(launch):
    instance = launch(SPEC, {"lines.js": CODE})
    batch = [
        message(event(id=1, lines=["a", "b"]), source="web"),
        event(id=2, lines=[]),
        event(id=3, lines=["c"], draft=True),
        event(id=4, lines=["d"], until=3),
        event(id=5, lines=["e"], until=9),
        event(id=6, wrong=True),
        "not json",
        event(id=7, loop=True),
        event(id=8, lines=["z"]),
    ]
    ids = publish(instance, batch)
    assert instance.outcome("store") == (9, 3, 2, 4)
    rows = instance.query("SELECT * FROM ds.lines ORDER BY id, _message_row")
    assert [(r["id"], r["sku"], r["attempt"], r["_message_row"]) for r in rows] == [
        (1, "a", 1, 0), (1, "b", 1, 1), (4, "d", 3, 0), (8, "z", 1, 0)]
    seen = rows[0]["seen"]
    assert seen["attributes"] == {"source": "web"}
    assert seen["metadata"]["message_id"] == ids[0] == rows[0]["_message_id"]
    assert rows[0]["at"][:19] == seen["metadata"]["publish_time"][:19], "now is the publish time"
    assert rows[0]["luck"] != rows[1]["luck"]
    letters = {row["message_id"]: (row["attempts"], row["error"]) for row in instance.dead_letters()}
    assert set(letters) == {ids[4], ids[5], ids[6], ids[7]}
    assert letters[ids[4]][0] == 5 and "not yet" in letters[ids[4]][1]
    assert letters[ids[5]][0] == 1 and "id" in letters[ids[5]][1], "a row that does not fit never will"
    assert letters[ids[6]][0] == 5
    assert letters[ids[7]][0] == 5 and "500 ms" in letters[ids[7]][1]


ORDERED = SPEC.replace("    retry_policy", "    enable_message_ordering: true\n    retry_policy")


def test_a_waiting_message_holds_back_its_key_alone_across_a_kill(launch):
    instance = launch(ORDERED.replace("0.1s, maximum_backoff: 0.2s", "2s, maximum_backoff: 2s"), {"lines.js": CODE})

    def keyed(key, **fields):
        return {**message(event(lines=["x"], **fields)), "orderingKey": key}
    publish(instance, [keyed("a", id=1, until=2), keyed("a", id=2), keyed("b", id=3), keyed("a", id=4, until=2),
                       keyed("a", id=5), keyed("b", id=6)])
    while instance.value("SELECT COUNT(*) AS n FROM ds.lines") < 2:
        pass
    assert [r["id"] for r in instance.query("SELECT id FROM ds.lines ORDER BY id")] == [3, 6]
    line = instance.balance("store")
    assert line["pending"] == 4 and line["stored"] == 2
    instance.restart()
    assert instance.balance("store")["published"] == 6
    assert instance.outcome("store") == (6, 6, 0, 0)
    assert {r["id"]: r["attempt"] for r in instance.query("SELECT id, attempt FROM ds.lines")} == {
        1: 2, 2: 1, 3: 1, 4: 2, 5: 1, 6: 1}, "the attempt before the kill counts"


def test_the_code_is_judged_at_start(launch, tmp_path):
    (tmp_path / "afluente.yaml").write_text(SPEC)
    (tmp_path / "lines.js").write_text("function broken( {")
    from instance import run_afluente
    failed = run_afluente("up", tmp_path / "afluente.yaml", "--data-dir", tmp_path / "d", "--ephemeral-ports", code=2)
    assert "lines.js" in failed.stderr and "line 1" in failed.stderr
    (tmp_path / "lines.js").write_text("function one() {}\nfunction two() {}\n")
    failed = run_afluente("up", tmp_path / "afluente.yaml", "--data-dir", tmp_path / "d", "--ephemeral-ports", code=2)
    assert "transform" in failed.stderr
