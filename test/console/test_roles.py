"""The console behind the proxy: who is signed in, and what each role may do there."""
import json

import pytest
import requests
from instance import Instance
from orders import FILES, SPEC, Orders
from playwright.sync_api import expect
from watched import Watched

ACCESS = """
access:
  members: ["domain:shop.example"]
  roles:
    viewer: ["user:vera@shop.example"]
    operator: ["user:oleg@shop.example", "user:olga@shop.example"]
    publisher: ["user:paula@shop.example"]
    admin: ["user:ada@shop.example"]
  datasets: {sales: {members: ["user:oleg@shop.example", "user:ada@shop.example"]}}
"""
CONSOLE = "/_afluente/console"
JSON = {"Content-Type": "application/json"}
# What the console does to the pipeline, and what its own API says when it may.
ACTIONS = [("publisher", "/v1/topic/publish", {"topic": "Returns", "data": "x"}),
           ("operator", "/v1/query", {"sql": "SELECT 1 AS one"}),
           ("operator", "/v1/subscription/seek", {"subscription": "audit", "time": "2026-01-01T00:00:00Z"}),
           ("operator", "/v1/subscription/snapshot", {"subscription": "audit", "name": "before"}),
           ("operator", "/v1/snapshot/delete", {"name": "before"}),
           ("operator", "/v1/functions/store/dry-run", {"from": 1, "limit": 1}),
           ("operator", "/v1/functions/store/dead-letters/retry", {"messages": [{"id": "1"}]}),
           ("viewer", "/v1/api/try", {"path": "/totals"})]
MAY = {"vera": {"viewer"}, "oleg": {"viewer", "operator"}, "olga": {"viewer", "operator"}, "paula": {"publisher"},
       "ada": {"viewer", "operator", "publisher"}, "eve": set()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    instance = Instance(tmp_path_factory.mktemp("roles"), SPEC + ACCESS, FILES)
    instance.start()
    Orders(instance).fill()
    yield instance
    instance.discard()
    Instance.alive.remove(instance)


@pytest.fixture(scope="module")
def tokens(shop):
    return {name: shop.run("token", "--as", f"{name}@shop.example").stdout.strip() for name in MAY}


def ask(shop, path, token=None, method="GET", headers=None, **options):
    given = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.request(method, shop.doors["proxy"] + CONSOLE + path, headers={**given, **(headers or {})}, timeout=60,
                            allow_redirects=False, **options)


@pytest.mark.parametrize("name", MAY)
def test_each_action_needs_its_role(shop, tokens, name):
    for role, path, body in ACTIONS:
        answer = ask(shop, path, tokens[name], "POST", JSON, data=json.dumps(body))
        if role in MAY[name]:
            assert answer.status_code in (200, 404), (path, answer.text)  # 404: there is no such dead letter
        else:
            assert answer.status_code == 403, (path, answer.text)
    for path in ("/v1/pipeline", "/v1/topics", "/v1/warehouse", "/v1/logs", "/v1/dead-letters/counts", "/metrics", "/",
                 "/v1/peek?topic=Orders", "/v1/functions/store/dead-letters", "/v1/history?series=x", "/v1/now"):
        assert ask(shop, path, tokens[name]).status_code == (200 if "viewer" in MAY[name] else 403), path
    me = ask(shop, "/v1/me", tokens[name])
    if "viewer" not in MAY[name]:
        assert me.status_code == 403
        return
    said = me.json()
    assert said["email"] == f"{name}@shop.example" and said["identity"] is True
    assert {role for role, key in (("viewer", "view"), ("operator", "operate"), ("publisher", "publish")) if said[key]} == MAY[name]
    assert said["administer"] is (name == "ada")


def test_sql_asks_for_the_dataset_too_and_scripts_are_an_administrators(shop, tokens):
    def status(name, sql):
        return ask(shop, "/v1/query", tokens[name], "POST", JSON, data=json.dumps({"sql": sql})).status_code

    reading, writing = "SELECT COUNT(*) AS n FROM sales.orders", "DELETE FROM sales.orders WHERE order_id = -1"
    hidden = "SELECT (SELECT MAX(amount) FROM `shop.sales.orders`) AS n"
    script = "DECLARE n INT64; SET n = 1; SELECT n;"
    assert [status("oleg", sql) for sql in (reading, writing, hidden, script)] == [200, 200, 200, 403]
    assert [status("olga", sql) for sql in (reading, writing, hidden, script)] == [403, 403, 403, 403]
    assert [status("ada", sql) for sql in (reading, script)] == [200, 200]


def test_nobody_comes_in_unknown(shop, tokens):
    assert ask(shop, "/v1/pipeline").status_code == 401
    assert ask(shop, "/", headers={"Accept": "text/html"}).status_code == 302  # to sign in
    assert ask(shop, "/v1/query", method="OPTIONS", headers={"Origin": "http://evil.example",
                                                            "Access-Control-Request-Method": "POST"}).status_code == 401
    outsider = shop.run("token", "--as", "eve@elsewhere.example").stdout.strip()
    assert ask(shop, "/v1/pipeline", outsider).status_code == 403
    # What a caller says of itself does not survive the proxy, and the admin door believes no assertion that is not signed.
    for header in ("X-Goog-IAP-JWT-Assertion", "x-goog-iap-jwt-assertion"):
        assert ask(shop, "/v1/pipeline", headers={header: tokens["ada"]}).status_code == 401
        forged = requests.get(shop.doors["admin"] + "/v1/pipeline", headers={header: "a.b.c"}, timeout=30)
        assert forged.status_code == 401
    # A viewer who sends an admin's words along with its own token stays a viewer.
    answer = ask(shop, "/v1/query", tokens["vera"], "POST", {**JSON, "X-Goog-Authenticated-User-Email": "ada@shop.example"},
                 data=json.dumps({"sql": "SELECT 1"}))
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/%2e%2e/v1/pipeline", "//v1/pipeline", "/../console/v1/pipeline", "/v1/./pipeline"])
def test_no_path_leads_around_the_prefix(shop, tokens, path):
    with requests.Session() as session:
        request = requests.Request("GET", "http://x", headers={"Authorization": f"Bearer {tokens['ada']}"}).prepare()
        request.url = shop.doors["proxy"] + CONSOLE + path
        assert session.send(request, timeout=30, allow_redirects=False).status_code == 400


def test_this_machine_needs_no_role(shop):
    assert shop.admin("/v1/me").json() == {"identity": False, "view": True, "publish": True, "operate": True, "administer": True}
    assert shop.value("SELECT COUNT(*) FROM sales.orders") > 0


@pytest.fixture
def signed_in(browser, shop):
    made = []

    def sign_in(name):
        context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en", color_scheme="light")
        watched = Watched(context.new_page(), shop.doors["proxy"] + CONSOLE)
        made.append((context, watched))
        watched.page.goto(shop.doors["proxy"] + CONSOLE)
        watched.page.get_by_text(f"{name}@shop.example", exact=False).first.click()
        watched.page.get_by_role("heading", level=1).first.wait_for()
        return watched

    yield sign_in
    for context, watched in made:
        context.close()
        assert watched.faults == []


def test_a_viewer_sees_and_cannot_act(signed_in):
    console = signed_in("vera")
    page = console.page
    expect(page.get_by_role("banner")).to_contain_text("vera@shop.example")
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()  # events come through the proxy
    expect(page.get_by_role("link", name="messages failed and wait")).to_be_visible()
    console.open("warehouse/sales.orders")
    run = page.get_by_role("button", name="Run")
    expect(run).to_be_disabled()
    expect(run).to_have_accessible_description("This needs the role operator; you are vera@shop.example")
    console.open("topics/Orders")
    expect(page.locator(".messages .message").first).to_be_visible()
    page.get_by_role("tab", name="Publish").click()
    expect(page.get_by_role("button", name="Publish", exact=True)).to_be_disabled()
    page.get_by_role("tab", name="Subscriptions").click()
    expect(page.get_by_role("button", name="Seek audit")).to_be_disabled()
    console.open("functions/store")
    page.locator(".reasons button").first.click()
    expect(page.get_by_role("button", name="Retry these")).to_be_disabled()


def test_an_operator_mends_and_the_answer_is_the_callers(signed_in):
    console = signed_in("oleg")
    page = console.page
    console.open("functions/store")
    page.locator(".reasons button").first.click()
    expect(page.get_by_role("button", name="Retry these")).to_be_enabled()
    console.open("topics/Returns")
    page.get_by_role("tab", name="Publish").click()
    expect(page.get_by_role("button", name="Publish", exact=True)).to_be_disabled()
    console.open("api/%2Ftotals")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("region", name="Answer")).to_contain_text("orders")
    page.get_by_role("link", name="Sign out").click()
    page.goto(console.admin + "/")
    assert "/_afluente/issuer/authorize" in page.url
