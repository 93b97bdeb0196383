"""/docs in a real browser: every kind of control, every format, behind a path prefix and the proxy, without outside assets."""
import http.server
import json
import pathlib
import re
import shlex
import subprocess
import threading
import urllib.parse

import pytest
import requests
from playwright.sync_api import expect

from instance import Instance
from pipeline import event, publish

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 60
SPEC = """\
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      readings: {schema: [{name: id, type: INT64}, {name: name, type: STRING}]}
functions:
  store: {topic: Data, table: ds.readings}
endpoints:
  "/echo/{place}":
    summary: Gives its parameters back
    sql: echo.sql
    parameters:
      place: {type: STRING, example: here/there}
      big: {type: INT64, minimum: 1, description: A large number}
      kind: {type: STRING, default: a, enum: [a, "b&c"]}
      flag: {type: BOOL, optional: true}
      day: {type: DATE, optional: true}
      ids: {type: ARRAY<INT64>, optional: true}
      words: {type: ARRAY<STRING>, optional: true}
      tags: {type: ARRAY<STRING>, optional: true, enum: [red, green, blue]}
  "/readings": {sql: readings.sql, page_size: 2, order_by: [id]}
"""
FILES = {
    "echo.sql": "SELECT @place AS place, @big AS big, @kind AS kind, @flag AS flag, @day AS day, @ids AS ids, @words AS words, "
                "@tags AS tags",
    "readings.sql": "SELECT id, name FROM ds.readings",
}
ACCESS = 'access: {members: ["user:ana@ltm.example"]}\n'


@pytest.fixture(params=["light", "dark"])
def theme(request):
    return request.param


@pytest.fixture
def page(chromium):
    yield from a_page(chromium)


def a_page(chromium, **options):
    context = chromium.new_context(**options)
    context.set_default_timeout(SECONDS * 1000)
    opened = context.new_page()
    opened.troubles = []
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.on("console", lambda line: opened.troubles.append(line.text) if line.type == "error" else None)
    yield opened
    context.close()
    assert opened.troubles == []


@pytest.fixture(scope="module")
def api(shared):
    publish(shared, [event(id=i, name=f"n{i}") for i in range(5)])
    assert shared.outcome("store")[1] == 5
    return shared


@pytest.fixture
def prefixed(api):
    """The API behind /team/api of another server, which knows nothing of it but its address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if not self.path.startswith("/team/api/"):
                return self.send_error(404)
            answer = requests.get(api.doors["api"] + self.path.removeprefix("/team/api"), timeout=30, allow_redirects=False,
                                  headers={"Accept": self.headers["Accept"] or "*/*", "Accept-Encoding": "identity"})
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)
            return None

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/team/api"
    server.shutdown()
    thread.join(timeout=30)
    server.server_close()


def card(page, name):
    details = page.locator(f"details#{name}")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    return details


def fill_echo(echo):
    expect(echo.locator("[name=place]")).to_have_value("here/there")  # the specification's example
    echo.locator("[name=place]").fill("a/b c?d")
    echo.locator("[name=big]").fill("9007199254740993")
    echo.locator("[name=kind]").select_option(label="b&c")
    echo.locator("[name=flag]").select_option(label="true")
    echo.locator("[name=day]").fill("2026-02-28")
    for name, values in (("ids", ["3", "1"]), ("words", ["x,y", "ñ"])):
        for place, value in enumerate(values):
            echo.get_by_role("button", name=f"Add a value of {name}").click()
            echo.get_by_label(f"{name} value").nth(place).fill(value)
    echo.locator("fieldset[name=tags]").get_by_label("green").check()
    echo.locator("fieldset[name=tags]").get_by_label("blue").check()


ECHOED = {"place": "a/b c?d", "big": 9007199254740993, "kind": "b&c", "flag": True, "day": "2026-02-28", "ids": [3, 1],
          "words": ["x,y", "ñ"], "tags": ["green", "blue"]}


def ask(echo, key=None):
    """Sends the form; the answer's rows as the page shows them, whose text the browser no longer has."""
    output = echo.locator("[aria-live]")
    output.evaluate("(node) => node.replaceChildren()")
    echo.page.keyboard.press(key) if key else echo.get_by_role("button", name="Send").click()
    return json.loads(output.locator("pre").inner_text())["rows"]


def test_every_control_sends_what_it_shows(page, prefixed):
    page.goto(prefixed + "/docs")
    echo = card(page, "echo_place")
    fill_echo(echo)
    with page.expect_response(lambda answer: "/echo/" in answer.url) as sent:
        assert ask(echo) == [ECHOED]  # its large number too, which a browser's would round
    assert sent.value.url.startswith(prefixed + "/echo/") and sent.value.status == 200
    command = echo.locator(".url code").inner_text()
    words = shlex.split(command)
    assert words[0] == "curl" and urllib.parse.urlsplit(words[-1]).path.startswith("/team/api/echo/")
    run = subprocess.run([*words, "-s"], capture_output=True, text=True, timeout=60, check=True)
    assert '"big":9007199254740993' in run.stdout and '"words":["x,y","ñ"]' in run.stdout
    # Left out again, and back to its default.
    echo.get_by_role("button", name="Remove this value of ids").first.click()
    echo.locator("[name=flag]").select_option(label="not sent")
    echo.locator("[name=kind]").select_option(label="default: a")
    assert ask(echo) == [{**ECHOED, "ids": [1], "flag": None, "kind": "a"}]
    assert page.evaluate("performance.getEntriesByType('resource').every((e) => e.name.startsWith(location.origin))")


def test_copy_as_curl_copies(chromium, api):
    for page in a_page(chromium, permissions=["clipboard-read", "clipboard-write"]):
        page.goto(api.doors["api"] + "/docs")
        echo = card(page, "echo_place")
        echo.locator("[name=place]").fill("it's")
        echo.locator("[name=big]").fill("1")
        echo.locator("[name=Accept]").select_option(label="text/csv")
        echo.get_by_role("button", name="Copy as curl").click()
        expect(echo.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        run = subprocess.run([*shlex.split(copied), "-s"], capture_output=True, text=True, timeout=60, check=True)
        assert run.stdout.startswith("place,big,") and "it's" in run.stdout


@pytest.mark.parametrize("kind, ending, begins", [
    ("application/json", ".json", b'{"rows"'), ("application/x-ndjson", ".ndjson", b'{"id"'), ("text/csv", ".csv", b"id,name"),
    ("application/vnd.apache.arrow.stream", ".arrow", b"\xff\xff\xff\xff"), ("application/vnd.apache.parquet", ".parquet", b"PAR1")])
def test_every_format_can_be_chosen_and_downloaded(page, api, kind, ending, begins):
    page.goto(api.doors["api"] + "/docs#readings")
    readings = card(page, "readings")
    readings.locator("[name=Accept]").select_option(label=kind)
    readings.get_by_role("button", name="Send").click()
    with page.expect_download() as loaded:
        readings.get_by_role("link", name="Download").click()
    assert loaded.value.suggested_filename == "readings" + ending
    assert pathlib.Path(loaded.value.path()).read_bytes().startswith(begins)


def test_pages_follow_each_other_and_new_rows_appear(page, api):
    page.goto(api.doors["api"] + "/docs#readings")
    readings = card(page, "readings")
    readings.get_by_label("-id", exact=True).check()
    readings.get_by_role("button", name="Send").click()
    for first in (4, 2, 0):
        expect(readings.locator("[aria-live] pre")).to_contain_text(f'"id": {first}')
        if first:
            readings.get_by_role("button", name="Next page").click()
    expect(readings.get_by_role("button", name="Next page")).to_be_hidden()
    readings.locator("[name=cursor]").fill("")
    readings.get_by_label("-id", exact=True).uncheck()
    readings.locator("[name=Accept]").select_option(label="text/event-stream")
    readings.get_by_role("button", name="Send").click()
    expect(readings.get_by_text("New rows appear as they come.")).to_be_visible()
    publish(api, [event(id=77, name="fresh")])
    expect(readings.locator("[aria-live] pre")).to_contain_text("fresh")
    readings.get_by_role("button", name="Stop").click()
    expect(readings.get_by_role("button", name="Stop")).to_be_hidden()


def test_the_keyboard_alone_is_enough(page, api):
    page.goto(api.doors["api"] + "/docs")
    page.get_by_label("Filter endpoints").wait_for()
    card(page, "echo_place").locator("[name=place]").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("5")
    assert ask(card(page, "echo_place"), "Enter")[0]["big"] == 5


def test_axe_finds_nothing(chromium, api, theme):
    for page in a_page(chromium, color_scheme=theme, bypass_csp=True):
        page.goto(api.doors["api"] + "/docs")
        echo = card(page, "echo_place")
        fill_echo(echo)
        echo.get_by_role("button", name="Send").click()
        echo.locator("[aria-live] pre").wait_for()
        card(page, "readings").get_by_role("button", name="Send").wait_for()
        page.add_script_tag(path=ROOT / "web/node_modules/axe-core/axe.min.js")
        found = page.evaluate("async () => (await axe.run(document)).violations")
        assert [(each["id"], each["impact"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


def test_examples_are_real_rows_of_whoever_may_see_them(api):
    described = api.get("/openapi.json").json()["paths"]
    example = described["/readings"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert example == {"rows": [{"id": 0, "name": "n0"}, {"id": 1, "name": "n1"}], "next_cursor": None}
    echo = described["/echo/{place}"]["get"]
    assert [p.get("example") for p in echo["parameters"][:2]] == ["here/there", None]
    # `big` has no example, so that its answer is made up.
    assert echo["responses"]["200"]["content"]["application/json"]["example"]["rows"][0]["place"] == "text"


def test_the_page_works_behind_the_proxy(tmp_path, page, request):
    instance = Instance(tmp_path, SPEC + ACCESS, FILES)
    instance.start()
    request.addfinalizer(instance.discard)
    page.goto(instance.doors["proxy"] + "/docs")
    page.get_by_text("ana@ltm.example", exact=False).first.click()
    page.wait_for_url(instance.doors["proxy"] + "/docs")
    echo = card(page, "echo_place")
    fill_echo(echo)
    echo.locator("[name=place]").fill("b c&ñ")  # the proxy lets no encoded "/" or "?" of a path through
    assert ask(echo) == [{**ECHOED, "place": "b c&ñ"}]
    assert re.search(r'-H "Authorization: Bearer \$TOKEN"', echo.locator(".url code").inner_text())
    instance.terminate()
