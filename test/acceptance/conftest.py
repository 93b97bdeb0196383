"""Fixtures of the acceptance suite: the real binary and temporary directories."""
import contextlib
import os

import google_cloud
import pytest
from google_clients import Clients
from instance import BINARY, Instance
from pipeline import EVENTS, EVENTS_FILES
from playwright.sync_api import sync_playwright


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for instance in Instance.alive:
            report.sections.append((f"log of {instance.directory.name}", instance.log()))
    return report


@pytest.fixture(scope="session", autouse=True)
def binary():
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"{BINARY} is missing: make build", returncode=2)
    return BINARY


@pytest.fixture
def launch(tmp_path):
    """Starts instances; those that a test leaves running are killed after it."""
    made = []

    def start(spec=EVENTS, files=None, name="pipeline", flags=(), environment=None):
        instance = Instance(tmp_path / name, spec, EVENTS_FILES if files is None else files)
        instance.environment = environment or {}
        made.append(instance)
        return instance.start(*flags)

    yield start
    for instance in made:
        instance.discard()
        Instance.alive.remove(instance)


@pytest.fixture(scope="module")
def shared(tmp_path_factory, request):
    """One instance for a module whose tests use names of their own. A module may set SPEC and FILES."""
    instance = Instance(tmp_path_factory.mktemp("shared"), getattr(request.module, "SPEC", EVENTS),
                        getattr(request.module, "FILES", EVENTS_FILES))
    instance.start()
    yield instance
    survived = instance.running()
    if survived:
        instance.terminate()
    instance.discard()
    Instance.alive.remove(instance)
    assert survived, "the process died while the module's tests ran"


@pytest.fixture(scope="module")
def clients(shared):
    """Google's clients against the module's instance."""
    made = Clients(shared)
    yield made
    made.close()


@pytest.fixture
def cloud(launch):
    """An instance that plays Google."""
    instance = launch(google_cloud.CLOUD, {})
    google_cloud.make_tables(instance)
    return instance


@pytest.fixture
def role(tmp_path, cloud):
    """Starts roles that work with `cloud`; those that a test leaves running are killed after it."""
    made = []

    def start(command, *flags, **options):
        made.append(google_cloud.Role(tmp_path, cloud, command, *flags, **options))
        return made[-1]

    yield start
    for each in made:
        with contextlib.suppress(ProcessLookupError, ValueError):
            if each.process.poll() is None:
                each.kill()


@pytest.fixture(scope="module")
def chromium():
    """Debian's own browser, for pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
