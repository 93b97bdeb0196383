"""A function that is renamed, leaves the specification, comes back or is removed: its messages keep their outcomes."""
from pipeline import event, publish

SPEC = """\
project: test-project
topics: {Data: {}, Data-dead: {}}
subscriptions:
  dead: {topic: Data-dead}
datasets:
  ds:
    tables:
      events: {schema: [{name: id, type: INT64, mode: REQUIRED}]}
      others: {schema: [{name: id, type: INT64, mode: REQUIRED}]}
"""
STORE = "  store: {topic: Data, table: ds.events, dead_letter_policy: {topic: Data-dead}}\n"
OTHER = "  other: {topic: Data, table: ds.others}\n"
SIDES = ("published", "stored", "dropped", "dead_lettered", "pending")


def change(instance, functions, kill=False):
    """Restarts with other functions."""
    instance.kill() if kill else instance.terminate()
    write(instance, functions)
    instance.start()


def write(instance, functions):
    instance.spec.write_text(SPEC + ("functions:\n" + functions if functions else ""))


def line(instance, name):
    return next((f for f in instance.check()["functions"] if f["name"] == name), None)


def sides(instance, name):
    return tuple(line(instance, name)[side] for side in SIDES)


def stored(instance, table="ds.events"):
    return [row["id"] for row in instance.query(f"SELECT id FROM {table} ORDER BY id")]


def refusal(instance, functions):
    """What a start with these functions says."""
    write(instance, functions)
    return instance.run("up", instance.spec, "--ephemeral-ports", code=1).stderr


def test_a_renamed_function_goes_on_with_its_rows_dead_letters_and_counters(launch):
    instance = launch(SPEC + "functions:\n" + STORE, {})
    [_, dead] = publish(instance, [event(id=1), event(id="x")])
    assert instance.outcome("store") == (2, 1, 0, 1)
    instance.kill()
    message = refusal(instance, STORE.replace("store:", "keep:"))
    assert "previous_name: store" in message and "keep" in message
    renamed = STORE.replace("store: {", "keep: {previous_name: store, ")
    write(instance, renamed)
    for _ in range(4):  # wherever the kill comes: before the change of name, or after it
        instance.start_and_kill(0.05)
    instance.start()
    publish(instance, [event(id=2)])
    assert instance.outcome("keep") == (3, 2, 0, 1)
    assert stored(instance) == [1, 2] and line(instance, "store") is None
    assert [(r["message_id"], r["function"]) for r in instance.dead_letters()] == [(dead, "keep")]
    mended = instance.directory / "mended.json"
    mended.write_text(event(id=3))
    instance.run("dead-letters", "retry", "keep", dead, "--data", mended)
    assert instance.outcome("keep") == (3, 3, 0, 0)
    # What was done once is not done again, with previous_name or without; the old name is free.
    change(instance, renamed)
    change(instance, STORE.replace("store:", "keep:") + "  store: {topic: Data, table: ds.others, start: latest}\n")
    publish(instance, [event(id=4)])
    assert instance.outcome("keep") == (4, 4, 0, 0) and instance.outcome("store") == (1, 1, 0, 0)
    assert stored(instance) == [1, 2, 3, 4] and stored(instance, "ds.others") == [4]


def test_a_function_that_left_the_specification_keeps_its_messages_and_goes_on_when_it_is_back(launch):
    instance = launch(SPEC + "functions:\n" + STORE + OTHER, {})
    publish(instance, [event(id=1)])
    assert instance.outcome("store") == (1, 1, 0, 0)
    change(instance, OTHER)
    publish(instance, [event(id=2), event(id="x")])
    assert instance.outcome("other") == (3, 2, 0, 1), "drain waits for nobody who is parked"
    assert line(instance, "store")["standing"] == "parked" and "standing" not in line(instance, "other")
    assert sides(instance, "store") == (3, 1, 0, 0, 2)
    # No one else reads the topic now, and it has no retention: the parked one alone keeps its messages.
    change(instance, "", kill=True)
    publish(instance, [event(id=3)])
    instance.restart()
    assert sides(instance, "store") == (4, 1, 0, 0, 3) and stored(instance) == [1]
    assert "store (parked)" in instance.run("check").stdout
    change(instance, STORE + OTHER, kill=True)
    assert instance.outcome("store") == (4, 3, 0, 1) and instance.outcome("other") == (4, 3, 0, 1)
    assert stored(instance) == [1, 2, 3] and "standing" not in line(instance, "store")


def test_a_removed_function_drops_what_was_pending_and_says_so(launch):
    instance = launch(SPEC + "functions:\n" + STORE, {})
    publish(instance, [event(id=1), event(id="x")])
    assert instance.outcome("store") == (2, 1, 0, 1)
    change(instance, "")
    publish(instance, [event(id=2), event(id=3), event(id=4)])
    write(instance, "  store: {removed: true}\n")
    instance.kill()
    for _ in range(4):  # counted once, wherever the kill comes
        instance.start_and_kill(0.05)
    instance.start()
    assert sides(instance, "store") == (5, 1, 0, 1, 0)
    assert line(instance, "store")["dropped_by_operator"] == 3 and line(instance, "store")["standing"] == "removed"
    assert "3 messages were dropped by an operator" in instance.run("check").stdout
    publish(instance, [event(id=5)])
    instance.restart()
    assert sides(instance, "store") == (5, 1, 0, 1, 0), "what comes later is not its"
    # Its rows are another's only by name.
    instance.kill()
    assert "previous_name: store" in refusal(instance, STORE.replace("store:", "keep:"))
    # Out of the file it is forgotten by check; in it again it begins anew, behind what was dropped.
    change_to = "" + OTHER.replace("other: {", "other: {start: latest, ")
    write(instance, change_to)
    instance.start()
    assert line(instance, "store") is None and instance.check()["balanced"] is True
    publish(instance, [event(id=6)])
    change(instance, STORE)
    publish(instance, [event(id=7)])
    instance.drain()
    balance = instance.balance("store")
    assert balance["dropped_by_operator"] == 3 and balance["pending"] == 0 and "standing" not in balance
    assert set(stored(instance)) >= {1, 7} and set(stored(instance)).isdisjoint({2, 3, 4})
    assert balance["published"] == len(stored(instance)) + 1 + 3


def test_a_function_may_not_change_its_table(launch):
    instance = launch(SPEC + "functions:\n" + STORE, {})
    publish(instance, [event(id=1)])
    assert instance.outcome("store") == (1, 1, 0, 0)
    instance.terminate()
    message = refusal(instance, STORE.replace("ds.events", "ds.others"))
    assert "store" in message and "ds.events" in message and "table" in message
