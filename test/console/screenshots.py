"""Makes docs/screenshots: the flights example under load, with messages that failed. Run by `make screenshots`."""
import base64
import json
import pathlib
import random
import threading
import time

import pytest
import requests
from instance import ROOT, Instance, wait_until
from playwright.sync_api import expect

OUT = ROOT / "docs/screenshots"
FLIGHTS = ROOT / "examples/flights"
SECONDS = 75
CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN")
PATHS = ("/carriers/ranking", "/totals", "/routes/JFK-LAX/delays", "/airports/EWR/busiest_hours")


def flight(chance):
    day, hour = chance.randint(1, 28), chance.randint(5, 22)
    delay = round(chance.gauss(9, 22))
    return {"year": "2013", "month": "6", "day": str(day), "time_hour": f"2013-06-{day:02}T{hour:02}:00:00Z",
            "carrier": chance.choice(CARRIERS), "flight": str(chance.randint(1, 4000)), "tailnum": f"N{chance.randint(100, 999)}UA",
            "origin": chance.choice(("JFK", "EWR", "LGA")), "dest": chance.choice(("LAX", "SFO", "ORD", "MIA", "BOS")),
            "sched_dep_time": f"{hour}15", "dep_time": f"{hour}{15 + max(0, min(delay, 40)):02}", "dep_delay": str(delay),
            "sched_arr_time": f"{hour}55", "arr_time": "NA", "arr_delay": str(delay - chance.randint(0, 12)),
            "air_time": str(chance.randint(40, 380)), "distance": str(chance.randint(180, 2500))}


def load(instance, chance, until):
    """About 800 messages a second; a few cannot be stored."""
    url = f"http://{instance.doors['pubsub']}/v1/projects/nyc-flights/topics/Data:publish"
    session = requests.Session()
    while time.monotonic() < until:
        messages = []
        for _ in range(chance.randint(90, 230)):
            each = flight(chance)
            if chance.random() < 0.0008:
                each.update(chance.choice(({"dep_delay": "late"}, {"day": "31"}, {"distance": "far"})))
            messages.append({"data": base64.b64encode(json.dumps(each).encode()).decode(), "attributes": {"kind": "flight"}})
        session.post(url, json={"messages": messages}, timeout=30).raise_for_status()
        for path in PATHS:
            if chance.random() < 0.5:
                session.get(instance.doors["api"] + path, timeout=30)
        time.sleep(0.2)


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    files = {str(path.relative_to(FLIGHTS)): path.read_text(encoding="utf-8")
             for path in FLIGHTS.rglob("*.sql")}
    made = Instance(tmp_path_factory.mktemp("flights"), (FLIGHTS / "afluente.yaml").read_text(encoding="utf-8"), files)
    made.start()
    thread = threading.Thread(target=load, args=(made, random.Random(2013), time.monotonic() + SECONDS + 30))
    thread.start()
    time.sleep(SECONDS)
    yield made
    thread.join()
    made.discard()
    Instance.alive.remove(made)


def test_screenshots(browser, instance):
    OUT.mkdir(parents=True, exist_ok=True)
    wait_until(lambda: instance.dead_letters("air"), 60, "a dead letter")
    admin = instance.doors["admin"]
    for theme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1360, "height": 830}, color_scheme=theme, locale="en")
        page = context.new_page()

        def shot(place, name, prepare=lambda: None):
            page.goto(f"{admin}/#/{place}")
            page.get_by_role("heading", level=1).first.wait_for()
            expect(page.get_by_text("Loading…")).to_have_count(0)
            prepare()
            page.wait_for_timeout(2500)  # the charts' next points
            page.screenshot(path=pathlib.Path(OUT, f"{name}-{theme}.png"))

        def open_letter():
            page.locator(".reasons button").first.click()
            page.locator(".message .line").first.click()

        def run_query():
            page.locator(".editor .cm-content").click()
            page.keyboard.press("Control+a")
            page.keyboard.press("Delete")
            page.keyboard.insert_text("SELECT carrier, COUNT(*) AS flights, ROUND(AVG(dep_delay), 1) AS mean_delay\n"
                                      "FROM air.flights\nGROUP BY carrier\nORDER BY flights DESC")
            page.keyboard.press("Control+Enter")
            page.get_by_role("tab", name="Chart").click()

        shot("pipeline", "pipeline")
        shot("functions/store_flights", "functions", open_letter)
        if theme == "light":
            shot("warehouse", "warehouse", run_query)
            shot("topics/Data", "topics", lambda: page.locator(".message .line").first.click())
        context.close()
