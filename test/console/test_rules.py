"""What holds for the console as a whole: accessibility, its policy, its size, and who may change something."""
import gzip
import json
import re

import pytest
import requests
from instance import ROOT
from playwright.sync_api import expect

PAGES = ("pipeline", "topics/Orders", "functions/store", "warehouse/sales.orders", "api/%2Ftotals", "message", "identity",
         "system")
COMPRESSED_BYTES_MAX = 400 << 10


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", PAGES)
def test_axe_finds_nothing_serious(browser, orders, place, theme):
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme=theme, locale="en", bypass_csp=True)
    try:
        page = context.new_page()
        page.goto(f"{orders.instance.doors['admin']}/#/{place}")
        page.get_by_role("heading", level=1).first.wait_for()
        expect(page.get_by_text("Loading…")).to_have_count(0)
        if place.startswith("functions"):
            page.locator(".reasons button").first.click()
            page.locator(".message .line").first.click()
        page.add_script_tag(path=ROOT / "web/node_modules/axe-core/axe.min.js")
        found = page.evaluate("async () => (await axe.run(document)).violations")
        serious = [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found
                   if each["impact"] in ("serious", "critical")]
        assert serious == []
    finally:
        context.close()


def test_the_pages_are_small_and_their_policy_is_strict(orders):
    admin = orders.instance.doors["admin"]
    index = requests.get(admin + "/", timeout=30)
    policy = index.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy and "data:" not in policy
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son\w+=|https?://", index.text)
    size = 0
    names = set(re.findall(r'(?:src|href)="[.](/assets/[^"]+)"', index.text))
    scripts = [name for name in names if name.endswith(".js")]
    for script in scripts:  # what they load later is named in them
        text = requests.get(admin + script, timeout=30).text
        names |= {"/assets/" + name for name in re.findall(r"[\w-]+\.(?:js|css)(?=[\"'`])", text) if "-" in name}
    assert len(names) >= 3 and any("editor" in name for name in names)
    for name in names | {"/"}:
        answer = requests.get(admin + name, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=30)
        assert (answer.status_code, answer.headers.get("Content-Encoding")) == (200, "gzip"), name
        packed = answer.raw.read(decode_content=False)
        assert gzip.decompress(packed) == requests.get(admin + name, headers={"Accept-Encoding": "identity"}, timeout=30).content
        size += len(packed)
    assert size < COMPRESSED_BYTES_MAX
    known = requests.get(admin + "/", headers={"If-None-Match": index.headers["ETag"]}, timeout=30)
    assert (known.status_code, known.content) == (304, b"")


def test_nothing_is_changed_from_a_foreign_page(orders):
    admin = orders.instance.doors["admin"]
    before = orders.instance.admin("/v1/topic?name=Returns").json()["published"]
    body = json.dumps({"topic": "Returns", "data": "x"})
    json_type = {"Content-Type": "application/json"}
    for headers, status in (({"Content-Type": "text/plain"}, 400), ({}, 400),
                            ({**json_type, "Origin": "http://evil.example"}, 403),
                            ({**json_type, "Origin": "http://localhost:3000"}, 403),
                            ({**json_type, "Origin": "null"}, 403),
                            ({**json_type, "Host": "evil.example"}, 403)):
        answer = requests.post(admin + "/v1/topic/publish", data=body, headers=headers, timeout=30)
        assert answer.status_code == status, headers
    assert orders.instance.admin("/v1/topic?name=Returns").json()["published"] == before
    own = requests.post(admin + "/v1/topic/publish", data=body, headers={**json_type, "Origin": admin}, timeout=30)
    assert own.status_code == 200, own.text


def test_every_word_is_in_spanish_too():
    source = {path: path.read_text(encoding="utf-8") for path in (ROOT / "web/src").glob("*.ts*")}
    known = set(re.findall(r"'((?:[^'\\]|\\.)+)':\s", source[ROOT / "web/src/text.ts"]))
    used = {word for text in source.values() for word in re.findall(r"\bt\('((?:[^'\\]|\\.)*)'\)", text)}
    assert len(used) > 100
    assert used - known == set()


@pytest.mark.parametrize("path", ["/v1/topic?name=nope", "/v1/warehouse/table?name=nope", "/v1/warehouse/table?name=a.b",
                                  "/v1/message?id=", "/v1/message?id=99999999999999999999999999", "/v1/logs?max=x",
                                  "/v1/warehouse/table?name=sales.orders%60%3B--", "/assets/nope.js"])
def test_what_is_not_there_is_a_problem_by_name(orders, path):
    answer = orders.instance.admin(path)
    assert answer.status_code in (400, 404), answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
