"""The thin thread: one message in, its row out, also after the process is killed."""
from pipeline import event, publish


def test_a_published_message_is_answered_by_the_api_and_survives_kill(launch):
    instance = launch()
    publish(instance, [event(id=7, name="Ana", amount="12.50", day="2026-11-24")])
    instance.drain()
    expected = {"rows": [{"id": 7, "name": "Ana", "amount": "12.5", "day": "2026-11-24"}], "next_cursor": None}
    assert instance.get("/events/7").json() == expected

    instance.restart()
    assert instance.get("/events/7").json() == expected
    assert instance.outcome("store") == (1, 1, 0, 0)


def test_a_message_killed_right_after_its_answer_is_stored_after_restart(launch):
    instance = launch()
    publish(instance, [event(id=1)])
    instance.restart()
    assert instance.outcome("store") == (1, 1, 0, 0)
    assert [row["id"] for row in instance.get("/events/1").json()["rows"]] == [1]


def test_an_empty_answer_is_200_with_an_empty_list(launch):
    answer = launch().get("/events/99")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"rows": [], "next_cursor": None}
