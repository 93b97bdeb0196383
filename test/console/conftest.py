"""Fixtures of the console's tests: a real instance and Debian's Chromium."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "acceptance"))

from instance import Instance  # noqa: E402
from orders import FILES, SPEC, Orders  # noqa: E402
from watched import WAIT, Watched  # noqa: E402

CHROMIUM = shutil.which("chromium")


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


@pytest.fixture
def console(browser, orders):
    context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en", color_scheme="light")
    watched = Watched(context.new_page(), orders.instance.doors["admin"])
    yield watched
    context.close()
    assert watched.faults == []
