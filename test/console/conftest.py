"""Fixtures of the console's tests: a real instance and Debian's Chromium."""
import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/acceptance"))

from instance import Instance  # noqa: E402
from orders import FILES, SPEC, Orders  # noqa: E402

CHROMIUM = shutil.which("chromium")
WAIT = int(__import__("os").environ.get("CONSOLE_WAIT", 60_000))  # milliseconds; generous, a test waits for what it needs and no longer


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.fail("chromium is missing: tools/bootstrap installs it")
    from playwright.sync_api import expect, sync_playwright
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    """A pipeline with 40 stored orders, three that failed for two reasons, and a subscription."""
    instance = Instance(tmp_path_factory.mktemp("console"), SPEC, FILES)
    instance.start()
    made = Orders(instance)
    made.fill()
    yield made
    instance.discard()
    Instance.alive.remove(instance)


class Watched:
    """A page whose errors, and breaches of its Content-Security-Policy, fail the test."""

    def __init__(self, page, admin):
        self.page, self.admin, self.faults, self.expected = page, admin, [], False
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", self._said)

    def _said(self, message):
        text = message.text
        network = "Failed to load resource" in text  # an answer that the test itself asks for
        if message.type in ("error", "warning") and not network:
            self.faults.append(f"{message.type}: {text}")

    def open(self, place):
        self.page.goto(f"{self.admin}/#/{place}")
        self.page.get_by_role("heading", level=1).first.wait_for()
        return self.page


@pytest.fixture
def console(browser, orders):
    context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en", color_scheme="light")
    watched = Watched(context.new_page(), orders.instance.doors["admin"])
    yield watched
    context.close()
    assert watched.faults == []
