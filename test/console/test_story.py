"""The console's purpose: find what failed, see why, mend it, see the row. From the console alone."""
import re

import pytest
import requests
from playwright.sync_api import expect


def can_retry(admin):
    answer = requests.post(admin + "/v1/functions/none/dead-letters/retry", json={"ids": ["1"]}, timeout=30)
    return "nothing at this path" not in answer.text


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
    if not can_retry(console.admin):
        pytest.skip("this build has no route that retries dead letters")
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
