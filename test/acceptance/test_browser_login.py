"""People sign in through the proxy in a real browser (Debian's Chromium): the developer issuer, and a provider of others'."""
import pathlib
import re
import socket
import subprocess

import pytest
import requests
from instance import Instance
from playwright.sync_api import expect

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 60

SPEC = """\
project: test-project
datasets: {ds: {}}
endpoints: {"/who": {sql: who.sql, summary: Who asks}}
access:
  members: [MEMBERS]
"""
FILES = {"who.sql": "SELECT @caller_email AS email, @caller_groups AS `groups`"}
ANA = '"user:ana@ltm.example"'
BOB = '"user:bob@ltm.example"'


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    context.set_default_timeout(SECONDS * 1000)
    yield context.new_page()
    context.close()


def free_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


def pick(page, email):
    page.get_by_text(email, exact=False).first.click()


def test_a_newcomer_signs_in_reads_the_docs_and_is_refused_when_removed(launch, page):
    instance = launch(SPEC.replace("MEMBERS", f"{ANA}, {BOB}"), FILES)
    door = instance.doors["proxy"]
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(door + "/docs")
    assert "/_afluente/issuer/authorize" in page.url
    pick(page, "ana@ltm.example")
    page.wait_for_url(door + "/docs")
    expect(page.get_by_text("/who").first).to_be_visible(timeout=SECONDS * 1000)
    answer = page.goto(door + "/who")
    assert answer.json()["rows"] == [{"email": "ana@ltm.example", "groups": []}]
    cookie, = [each for each in page.context.cookies() if "session" in each["name"]]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert page.evaluate("document.cookie") == ""
    assert troubles == []
    # Signed out, the same browser must sign in again.
    page.goto(door + "/_afluente/logout")
    page.goto(door + "/who")
    assert "/_afluente/issuer/authorize" in page.url
    # No member any more.
    instance.terminate()
    instance.spec.write_text(SPEC.replace("MEMBERS", BOB), encoding="utf-8")
    instance.start()
    page.goto(instance.doors["proxy"] + "/who")
    refused = page.goto(page.url + "&login=ana@ltm.example")
    assert refused.status == 403 and page.url.endswith("/who")
    assert "ana@ltm.example" not in page.content()


@pytest.fixture
def provider():
    """npm's oidc-provider on loopback; yields a function that starts it for a redirect address."""
    made = []

    def start(redirect):
        port = free_port()
        modules = ROOT / "build/openid-node/node_modules"
        assert modules.exists(), "tools/bootstrap test installs the provider"
        program = ROOT / "test/openid/provider.mjs"
        code = program.read_text(encoding="utf-8")
        process = subprocess.Popen(["node", "--input-type=module", "-", str(port), redirect], cwd=modules.parent,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        made.append(process)
        process.stdin.write(code.encode())
        process.stdin.close()
        assert process.stdout.readline() == b"ready\n"
        return f"http://127.0.0.1:{port}"

    yield start
    for process in made:
        process.kill()
        process.wait(timeout=30)
        process.stdout.close()


def test_a_provider_of_others_signs_people_in(tmp_path, request, page, provider):
    port = free_port()
    issuer = provider(f"http://127.0.0.1:{port}/_afluente/callback")
    spec = SPEC.replace("MEMBERS", '"group:analysts@ltm.example"') + (
        f'  login: {{issuer: "{issuer}", client_id: web-client, client_secret_file: secret.txt,'
        " groups_claim: groups}\n")
    instance = Instance(tmp_path / "pipeline", spec, {**FILES, "secret.txt": "web-secret\n"})
    # The provider knows the proxy's address, so that the kernel cannot choose it.
    instance.doors = {"api": "127.0.0.1:0", "pubsub": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    instance.start("--proxy-listen", f"127.0.0.1:{port}", keep_ports=True)
    request.addfinalizer(instance.discard)
    door = instance.doors["proxy"]
    page.goto(door + "/who?from=browser")
    assert page.url.startswith(issuer)
    page.fill("input[name=login]", "carla@elsewhere.example")
    page.fill("input[name=password]", "anything")
    page.click("button[type=submit]")
    page.click("button[type=submit]")  # consent
    page.wait_for_url(re.compile(re.escape(door) + "/who.*"))
    rows = requests.get(door + "/who", timeout=30, cookies={
        each["name"]: each["value"] for each in page.context.cookies()}).json()["rows"]
    assert rows == [{"email": "carla@elsewhere.example", "groups": ["analysts@ltm.example"]}]
    instance.terminate()
