"""The console when the instance is gone, slow, refuses, or has a thousand topics."""
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from instance import Instance
from orders import FILES, SPEC, Orders
from playwright.sync_api import expect
from watched import Watched


@pytest.fixture
def page_of(browser):
    contexts = []

    def make(admin):
        context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en")
        contexts.append(context)
        return Watched(context.new_page(), admin)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def own(tmp_path):
    instance = Instance(tmp_path / "own", SPEC, FILES)
    instance.start()
    yield instance
    instance.discard()
    Instance.alive.remove(instance)


def test_the_instance_goes_and_comes_back(page_of, own):
    page = page_of(own.doors["admin"]).open("pipeline")
    expect(page.locator(".pulse")).to_have_text("live")
    expect(page.locator(".node", has_text="store").first).to_be_visible()
    own.kill()
    expect(page.get_by_text("The instance does not answer. What is shown")).to_be_visible()
    expect(page.locator(".node", has_text="store").first).to_be_visible()  # what was known stays
    own.start(keep_ports=True)
    expect(page.locator(".pulse")).to_have_text("live")
    expect(page.locator(".banner")).to_have_count(0)


def test_a_stop_does_not_wait_for_open_consoles(page_of, own):
    page = page_of(own.doors["admin"]).open("system")
    expect(page.locator(".pulse")).to_have_text("live")
    own.terminate()


def test_a_slow_answer_is_waited_for(page_of, own):
    watched = page_of(own.doors["admin"])
    held = []
    watched.page.route("**/v1/warehouse", lambda route: held.append(route))
    page = watched.open("warehouse")
    expect(page.get_by_text("Loading…").first).to_be_visible()
    expect(page.get_by_role("button", name="Run")).to_be_enabled()  # the rest works
    held[0].continue_()
    expect(page.locator(".dataset")).to_contain_text("orders")


def test_a_refusal_is_told_apart(page_of, own):
    watched = page_of(own.doors["admin"])
    watched.page.route(re.compile("/v1/topic/publish"), lambda route: route.fulfill(
        status=403, content_type="application/problem+json", body='{"detail": "this needs the role operator"}'))
    page = watched.open("topics/Orders")
    page.get_by_role("tab", name="Publish").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Not allowed: this needs the role operator")


def test_a_thousand_topics(page_of, own):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: own.rest("PUT", f"projects/shop/topics/many-{i:04}", {}).status_code, range(1000)))
    assert made == [200] * 1000
    watched = page_of(own.doors["admin"])
    page = watched.open("topics")
    expect(page.locator(".field .hint").first).to_have_text(" 1,002")
    assert page.locator(".virtual li").count() < 100  # only those in view are in the page
    page.locator(".virtual").evaluate("list => { list.scrollTop = list.scrollHeight; }")
    expect(page.get_by_role("link", name="many-0999")).to_be_visible()
    page.get_by_label("Topics", exact=False).first.fill("many-0500")
    page.get_by_role("link", name="many-0500").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("many-0500")
    page = watched.open("pipeline")
    expect(page.locator(".node", has_text="+ 995")).to_be_visible()  # the picture stays a picture


def test_a_message_is_followed_while_it_waits_and_after(page_of, own):
    orders = Orders(own)
    ids = orders.publish({"order_id": 1, "customer": "ana"}) + orders.publish({"order_id": 2, "customer": "eva"}, test="yes")
    own.drain()
    watched = page_of(own.doors["admin"])
    page = watched.open(f"message/{ids[1]}")
    expect(page.locator(".step")).to_contain_text("does not match the filter")
    page = watched.open(f"message/{ids[0]}")
    expect(page.locator(".step")).to_contain_text("stored")
