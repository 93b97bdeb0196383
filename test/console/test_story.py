"""The console's purpose: find what failed, see why, mend it, see the row. From the console alone."""
import re

from playwright.sync_api import expect


def test_a_person_finds_why_a_message_failed(console, orders):
    page = console.open("pipeline")
    page.get_by_role("link", name=re.compile("messages failed and wait")).click()
    reason = page.locator(".reasons > li", has_text="order_id").first
    reason.get_by_role("button").first.click()
    letter = reason.locator(".message", has_text=orders.failed[0])
    letter.locator(".line").click()
    expect(letter.locator(".failure")).to_contain_text("order_id")
    letter.get_by_role("link", name=orders.failed[0]).click()
    expect(page.locator(".step.bad")).to_contain_text("failed")


def test_a_person_mends_it_and_sees_the_row(console, orders):
    page = console.open("functions/store")
    reason = page.locator(".reasons > li", has_text="order_id").first
    reason.get_by_role("button").first.click()
    letter = reason.locator(".message", has_text=orders.failed[0])
    letter.locator(".line").click()
    letter.get_by_label("Data").fill('{"order_id": 7000, "customer": "ana", "amount": 3.5}')
    letter.get_by_role("button", name="Retry with this data").click()
    expect(page.get_by_role("status").filter(has_text="retried")).to_be_visible()
    console.open(f"message/{orders.failed[0]}")
    expect(page.locator(".stored .tree").first).to_contain_text("7000")


def test_a_changed_transform_is_tried_before_it_is_used(console, orders):
    page = console.open("functions/store")
    page.get_by_role("tab", name="Transform").click()
    page.locator(".editor .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text("SELECT CAST(JSON_VALUE(data, '$.order_id') AS INT64) AS order_id, "
                              "UPPER(JSON_VALUE(data, '$.customer')) AS customer, CAST(NULL AS FLOAT64) AS amount, CAST(NULL AS DATE) AS day FROM messages")
    page.get_by_role("button", name="Try on retained messages").click()
    expect(page.locator("table.diff .changed").first).to_be_visible()
    assert orders.instance.value("SELECT COUNT(*) FROM sales.orders WHERE customer = 'ANA'") == 0
