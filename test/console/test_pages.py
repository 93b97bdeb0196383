"""Each page and each action of the console, in a browser against the real binary."""
import base64
import json
import re

import pytest
import requests
from instance import Instance, wait_until
from playwright.sync_api import expect


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def editor_type(page, text):
    """Replaces the editor's text as a user would."""
    content = page.locator(".editor .cm-content")
    content.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def test_the_pipeline_is_drawn_and_says_what_is_wrong(console):
    page = console.open("pipeline")
    for part in ("Pub/Sub", "Orders", "store", "sales.orders", "/totals", "audit"):
        expect(page.locator(".node", has_text=part).first).to_be_visible()
    failing = page.locator(".node.bad")
    expect(failing).to_have_count(1)  # colour only where something is wrong
    expect(failing).to_contain_text("3 dead letters")
    page.get_by_role("link", name="store: 3 messages failed and wait").click()
    expect(page.get_by_role("heading", name="store", exact=True)).to_be_visible()


def test_the_pictures_parts_lead_to_their_pages(console):
    page = console.open("pipeline")
    for part, heading in (("sales.orders", "Warehouse"), ("/totals", "API"), ("Returns", "Returns")):
        page.locator(".node", has_text=part).click()
        expect(page.get_by_role("heading", level=1, name=re.compile(heading))).to_be_visible()
        page.go_back()


def test_rates_are_live(console, orders):
    page = console.open("topics/Returns")
    row = page.locator("a.row[aria-current]")
    expect(row).to_contain_text("0/s")
    wait_until(lambda: orders.publish(*[{"n": i} for i in range(50)], topic="Returns")
               and "0/s" not in re.split(r"[ ·]", row.inner_text()), 60, "a rate")


def test_messages_are_looked_at_and_not_consumed(console, orders):
    backlog = subscription(orders)["backlog"]
    page = console.open("topics/Orders")
    first = page.locator(".message").first
    first.get_by_role("button").click()
    expect(first.locator(".tree").first).to_contain_text("order_id")
    first.get_by_label("bytes").check()
    expect(first.locator("pre")).to_contain_text("7b 22")  # {"
    page.get_by_label("Attribute filter").fill('attributes.kind = "none"')
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_text("No retained message here.")).to_be_visible()
    page.get_by_label("Attribute filter").fill("attributes.")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_role("alert")).to_be_visible()  # the filter's own error
    assert subscription(orders)["backlog"] == backlog


def subscription(orders):
    answer = orders.instance.admin("/v1/topic?name=Orders").json()
    return next(each for each in answer["subscriptions"] if each["name"] == "audit")


def test_a_message_is_published_and_followed(console, orders):
    page = console.open("topics/Returns")
    tab(page, "Publish")
    page.get_by_label("Data").fill('{"back": true}')
    page.get_by_label("Attributes").fill("kind=return\nshop=ñandú")
    page.get_by_label("Ordering key").fill("k1")
    page.get_by_role("button", name="Publish", exact=True).click()
    page.locator("p.notice a").click()
    expect(page.get_by_text("ñandú")).to_be_visible()
    expect(page.get_by_text("No function reads this topic.")).to_be_visible()
    message = json.loads(orders.instance.admin("/v1/peek?topic=Returns&limit=1000").text.splitlines()[-1])
    assert base64.b64decode(message["data"]) == b'{"back": true}'
    assert (message["attributes"], message["ordering_key"]) == ({"kind": "return", "shop": "ñandú"}, "k1")


def test_a_subscription_is_snapshotted_and_moved(console, orders):
    page = console.open("topics/Orders")
    tab(page, "Subscriptions")
    page.get_by_role("button", name="Snapshot of audit").click()
    page.get_by_role("dialog").get_by_label("Name").fill("before")
    page.get_by_role("button", name="Take snapshot").click()
    expect(page.get_by_role("button", name="Delete before")).to_be_visible()
    page.get_by_role("button", name="Seek audit").click()
    page.get_by_label("To a moment (UTC)").fill("2099-01-01T00:00:00")
    page.get_by_role("dialog").get_by_role("button", name="Seek").click()
    wait_until(lambda: subscription(orders)["backlog"] == 0, 60, "an empty backlog")
    page.get_by_role("button", name="Seek audit").click()
    page.get_by_label("Or to a snapshot").select_option("before")
    page.get_by_role("dialog").get_by_role("button", name="Seek").click()
    wait_until(lambda: subscription(orders)["backlog"] > 40, 60, "the snapshot's backlog")
    page.get_by_role("button", name="Delete before").click()
    expect(page.get_by_role("button", name="Delete before")).to_have_count(0)


def test_dead_letters_are_grouped_by_reason(console):
    page = console.open("functions/store")
    reasons = page.locator(".reasons > li")
    expect(reasons).to_have_count(2)
    expect(reasons.first.get_by_role("button").first).to_contain_text("2")  # the more frequent one first
    reasons.first.get_by_role("button").first.click()
    expect(reasons.first.locator(".message")).to_have_count(2)
    reasons.first.locator(".message .line").first.click()
    expect(page.get_by_label("Data change it, then retry")).to_have_value(re.compile("order_id"))


def test_the_balance_is_counted(console):
    page = console.open("functions/store")
    page.get_by_role("button", name="Count now").click()
    expect(page.get_by_text("Balanced: nothing is lost.")).to_be_visible()


def test_a_stored_and_a_failed_message_are_followed(console, orders):
    row = orders.instance.query("SELECT _message_id FROM sales.orders WHERE order_id = 7")[0]
    page = console.open("message")
    page.get_by_label("Message id").fill(row["_message_id"])
    page.get_by_role("button", name="Follow").click()
    expect(page.locator(".step")).to_contain_text("stored")
    expect(page.locator(".stored .tree").first).to_contain_text("order_id")
    page.get_by_label("Message id").fill(orders.failed[0])
    page.get_by_role("button", name="Follow").click()
    expect(page.locator(".step.bad .failure")).to_contain_text("order_id")
    page.get_by_label("Message id").fill("12")
    page.get_by_role("button", name="Follow").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_statement_gives_a_table_a_chart_and_a_file(console):
    page = console.open("warehouse/sales.orders")
    expect(page.get_by_text("40 rows")).to_be_visible()
    expect(page.get_by_role("rowheader", name="order_id")).to_be_visible()
    editor_type(page, "SELECT customer, COUNT(*) AS n, SUM(amount) AS amount\nFROM sales.orders GROUP BY 1 ORDER BY 1")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".grid .line")).to_have_count(4)
    expect(page.locator(".grid")).to_contain_text("marta")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    lines = open(download.value.path(), encoding="utf-8").read().splitlines()
    assert lines[0] == "customer,n,amount" and lines[1].startswith("ana,10,")
    tab(page, "Chart")
    expect(page.locator(".rows-chart canvas")).to_be_visible()


def test_an_error_is_marked_at_its_place(console):
    page = console.open("warehouse")
    editor_type(page, "SELECT order_id,\n  no_such_column\nFROM sales.orders")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("[2:3]")
    expect(page.locator(".cm-lintRange-error")).to_have_text("no_such_column")


def test_the_editor_completes_tables_and_columns(console):
    page = console.open("warehouse")
    editor_type(page, "SELECT order_id FROM sales.")
    page.keyboard.type("or")
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("orders")


def test_what_is_typed_stays_while_the_page_is_drawn(console):
    page = console.open("warehouse")
    text = "SELECT " + ", ".join(f"{i} AS c{i}" for i in range(25))
    content = page.locator(".editor .cm-content")
    content.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.type(text)
    expect(content).to_have_text(text)


def test_a_statement_is_cancelled(console):
    page = console.open("warehouse")
    editor_type(page, "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 100000)) a, UNNEST(GENERATE_ARRAY(1, 100000)) b "
                      "WHERE MOD(a * b, 7) = 3")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled.")).to_be_visible()


def test_a_statement_is_kept(console):
    page = console.open("warehouse")
    editor_type(page, "SELECT 1 AS one")
    page.get_by_label("Save as").fill("mine")
    page.get_by_role("button", name="Save", exact=True).click()
    page.reload()
    editor_type(page, "SELECT 2")
    page.get_by_label("Saved").select_option("mine")
    expect(page.locator(".cm-content")).to_have_text("SELECT 1 AS one")


def test_an_endpoint_is_tried(console):
    page = console.open("api")
    page.get_by_role("link", name="/customers/{customer}").click()
    page.get_by_label("customer STRING").fill("eva")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("region", name="Answer")).to_contain_text("order_id")
    expect(page.locator("table .status", has_text="200").first).to_be_visible()


def test_the_api_is_tried_at_its_own_door_only(orders):
    import requests
    for path in ("//example.com/", "http://example.com/", "/a b", ""):
        answer = requests.post(orders.instance.doors["admin"] + "/v1/api/try", json={"path": path}, timeout=30)
        assert answer.status_code == 400, path


def test_identity_that_is_off_says_so(console):
    page = console.open("identity")
    expect(page.get_by_text("Identity is off")).to_be_visible()


def test_the_system_page_shows_machine_log_and_configuration(console):
    page = console.open("system")
    expect(page.get_by_role("heading", name="Journal sync")).to_be_visible()
    expect(page.get_by_label("Configuration", exact=True)).to_contain_text("project: shop")
    expect(page.locator(".chart canvas").first).to_be_visible()
    page.get_by_label("Contains").fill("no such line")
    expect(page.get_by_text("No line.")).to_be_visible()


def test_language_and_light_are_kept(console):
    page = console.open("pipeline")
    page.get_by_role("button", name="ES Español").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Flujo")
    page.get_by_role("button", name="Claro u oscuro").click()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Flujo")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("document.documentElement.lang") == "es"


def test_everything_is_reached_by_keyboard(console):
    page = console.open("pipeline")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    console.open("topics/Orders")
    page.get_by_role("tab", name="Messages").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Publish")).to_be_focused()
    expect(page.get_by_role("tab", name="Publish")).to_have_attribute("aria-selected", "true")


def test_the_editor_says_what_a_statement_reads(console, orders):
    page = console.open("warehouse")
    page.locator(".editor .cm-content").click()
    page.keyboard.insert_text("SELECT order_id FROM sales.orders")
    expect(page.locator(".scan")).to_have_text(re.compile(r"reads at most [\d.,]+ ?(B|KB|kB|KiB)"))
    answer = orders.instance.admin("/v1/warehouse/dry-run?sql=SELECT%20order_id%20FROM%20sales.orders").json()
    assert answer["tables"] == ["sales.orders"] and answer["statement_type"] == "SELECT"
    assert answer["bytes"] >= 40 * (8 + 8 + 8)  # forty rows: two numbers and a date each, names beside
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("SELECT nothing FROM sales.nowhere")  # over the selection: see REPLACING in the editor
    expect(page.locator(".editor .cm-content")).to_have_text("SELECT nothing FROM sales.nowhere")
    expect(page.locator(".scan")).to_have_count(0)


def test_the_picture_has_every_source(console, orders):
    page = console.open("pipeline")
    for source in ("Pub/Sub", "HTTP"):
        expect(page.locator(".node", has_text=source).first).to_be_visible()


SKIPPING = """
project: shop
topics: {Orders: {message_retention_duration: 86400s}}
datasets: {sales: {tables: {orders: {schema: [{name: order_id, type: INT64}]}}}}
functions: {store: {topic: Orders, table: sales.orders, transform: {sql: store.sql}}}
"""
SKIPPING_FILES = {"store.sql": "SELECT CAST(JSON_VALUE(data, '$.order_id') AS INT64) AS order_id FROM messages "
                               "WHERE JSON_VALUE(data, '$.skip') IS NULL\n"}


@pytest.fixture
def launch_sql(tmp_path):
    instance = Instance(tmp_path, SKIPPING, SKIPPING_FILES)
    instance.start()
    data = base64.b64encode(b'{"order_id": "one"}').decode()
    answer = instance.rest("POST", "projects/shop/topics/Orders:publish", {"messages": [{"data": data}]})
    instance.drain()
    yield instance, answer.json()["messageIds"][0]
    instance.discard()
    Instance.alive.remove(instance)


def test_a_message_that_was_dropped_when_it_was_retried(launch_sql):
    """Its old dead letter is history: what became of it is that it was dropped."""
    instance, letter = launch_sql
    outcome = lambda: instance.admin(f"/v1/message?id={letter}").json()["outcomes"][0]  # noqa: E731
    assert outcome()["outcome"] == "dead_letter"
    body = {"messages": [{"id": letter, "data": base64.b64encode(b'{"order_id": "1", "skip": true}').decode()}]}
    answer = requests.post(instance.doors["admin"] + "/v1/functions/store/dead-letters/retry", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    assert outcome()["outcome"] == "dropped" and outcome()["dead_letters"][0]["state"] == "retried"
    assert instance.balance("store")["dropped"] == 1
