"""The identity-aware proxy: sign-in through the developer issuer, programs' tokens, and what must not get past it."""
import contextlib
import json
import re
import socket
import time
import urllib.parse

import jwt
import pytest
import requests

SPEC = """\
project: test-project
datasets: {ds: {}}
endpoints:
  "/who": {sql: who.sql}
  "/secret/{id}": {sql: secret.sql, parameters: {id: INT64}}
access:
  members: ["domain:ltm.example"]
  endpoints: {"/secret/*": {members: ["group:analysts@ltm.example"]}}
  groups: {"analysts@ltm.example": ["ana@ltm.example"]}
"""
FILES = {"who.sql": "SELECT @caller_email AS email, @caller_groups AS `groups`", "secret.sql": "SELECT @id AS id"}
PAGE = {"Accept": "text/html"}


def token(shared, user="ana@ltm.example", *flags):
    return shared.run("token", "--as", user, *flags).stdout.strip()


def ask(shared, path="/who", user=None, **headers):
    if user:
        headers["Authorization"] = "Bearer " + token(shared, user)
    return requests.get(shared.doors["proxy"] + path, headers=headers, timeout=30, allow_redirects=False)


def sign_in(shared, user="ana@ltm.example", path="/who"):
    """A browser's way in, without the browser."""
    session = requests.Session()
    first = session.get(shared.doors["proxy"] + path, headers=PAGE, allow_redirects=False, timeout=30)
    assert first.status_code == 302, first.text
    picker = session.get(first.headers["Location"], timeout=30)
    assert f'value="{user}"' in picker.text or user not in ("ana@ltm.example", "developer@ltm.example")
    chosen = session.get(first.headers["Location"] + "&login=" + user, allow_redirects=False, timeout=30)
    done = session.get(chosen.headers["Location"], allow_redirects=False, timeout=30)
    return session, done


def raw(shared, text, door="proxy"):
    """Everything that comes back for these bytes until the door closes."""
    host, port = shared.doors[door].removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(text.replace("\n", "\r\n").replace("HOST", f"{host}:{port}").encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read().decode("latin-1")


def statuses(answer):
    return [int(status) for status in re.findall(r"HTTP/1\.1 (\d+)", answer)]


def test_a_program_comes_in_with_an_id_token(shared):
    answer = ask(shared, user="ana@ltm.example")
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == [{"email": "ana@ltm.example", "groups": ["analysts@ltm.example"]}]
    assert ask(shared, "/secret/7", "ana@ltm.example").json()["rows"] == [{"id": 7}]
    assert ask(shared, "/secret/7", "bob@ltm.example").status_code == 403
    assert ask(shared, user="eve@other.example").status_code == 403


def test_without_identity_programs_get_401_and_people_the_sign_in(shared):
    assert ask(shared).status_code == 401
    assert ask(shared, Accept="text/html").status_code == 302
    assert ask(shared, Authorization="Bearer x.y.z").status_code == 401
    assert ask(shared, Authorization="Basic YTpi").status_code == 401


def test_sign_in_and_out(shared):
    session, done = sign_in(shared, path="/who?x")
    assert done.status_code == 302 and done.headers["Location"] == "/who?x"
    cookie = next(c for c in done.raw.headers.getlist("Set-Cookie") if c.startswith("afluente_session="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    who = session.get(shared.doors["proxy"] + "/who", timeout=30)
    assert who.json()["rows"][0]["email"] == "ana@ltm.example"
    stolen = dict(session.cookies)
    session.get(shared.doors["proxy"] + "/_afluente/logout", allow_redirects=False, timeout=30)
    again = requests.get(shared.doors["proxy"] + "/who", cookies=stolen, timeout=30)
    assert again.status_code == 401, "a signed-out session still works"
    assert sign_in(shared)[0].get(shared.doors["proxy"] + "/who", timeout=30).status_code == 200


def test_strangers_sign_in_and_stay_outside(shared):
    session, _ = sign_in(shared, "eve@other.example")
    assert session.get(shared.doors["proxy"] + "/who", timeout=30).status_code == 403


def test_the_api_itself_is_shut(shared):
    assert requests.get(shared.doors["api"] + "/who", timeout=30).status_code == 401
    bearer = {"Authorization": "Bearer " + token(shared)}
    assert requests.get(shared.doors["api"] + "/who", headers=bearer, timeout=30).status_code == 401


def test_login_csrf(shared):
    """The attacker's code and state in the victim's browser."""
    attacker = requests.Session()
    first = attacker.get(shared.doors["proxy"] + "/who", headers=PAGE, allow_redirects=False, timeout=30)
    chosen = attacker.get(first.headers["Location"] + "&login=eve@ltm.example", allow_redirects=False, timeout=30)
    victim = requests.Session()
    assert victim.get(chosen.headers["Location"], allow_redirects=False, timeout=30).status_code == 400
    victim.get(shared.doors["proxy"] + "/who", headers=PAGE, allow_redirects=False, timeout=30)
    assert victim.get(chosen.headers["Location"], allow_redirects=False, timeout=30).status_code == 400


def test_a_code_is_good_once(shared):
    session = requests.Session()
    first = session.get(shared.doors["proxy"] + "/who", headers=PAGE, allow_redirects=False, timeout=30)
    chosen = session.get(first.headers["Location"] + "&login=ana@ltm.example", allow_redirects=False, timeout=30)
    cookies = dict(session.cookies)
    assert requests.get(chosen.headers["Location"], cookies=cookies, allow_redirects=False, timeout=30).status_code == 302
    assert requests.get(chosen.headers["Location"], cookies=cookies, allow_redirects=False, timeout=30).status_code == 401


def test_session_fixation_and_forged_cookies(shared):
    session, _ = sign_in(shared)
    value = session.cookies["afluente_session"]
    body, mac = value.split(".")
    forged = [body + ".", "." + mac, "x" + value, value[:-2] + "AA", body[:-4] + "AAAA." + mac, "fixed", ""]
    for cookie in forged:
        assert ask(shared, Cookie="afluente_session=" + cookie).status_code == 401, cookie
    login = next(c for c in requests.get(shared.doors["proxy"] + "/who", headers=PAGE, allow_redirects=False,
                                         timeout=30).cookies if c.name == "afluente_login")
    assert ask(shared, Cookie="afluente_session=" + login.value).status_code == 401, "a cookie for another purpose"


def test_cookie_tossing(shared):
    session, _ = sign_in(shared)
    good = "afluente_session=" + session.cookies["afluente_session"]
    assert ask(shared, Cookie=good).status_code == 200
    assert ask(shared, Cookie=f"afluente_session=x; {good}").status_code == 401
    assert ask(shared, Cookie=f"{good}; afluente_session=x").status_code == 401
    assert statuses(raw(shared, f"GET /who HTTP/1.1\nHost: HOST\nConnection: close\nCookie: {good}\nCookie: {good}\n\n")) == [400]


@pytest.mark.parametrize("target", ["//evil.example/x", "/\\evil.example", "/%2f/evil.example", "/%5cevil.example",
                                    "/./evil", "http://evil.example/"])
def test_open_redirect(shared, target):
    answer = raw(shared, f"GET {target} HTTP/1.1\nHost: HOST\nAccept: text/html\nConnection: close\n\n")
    assert statuses(answer)[0] in (302, 400, 403), answer
    location = re.search(r"Location: (\S+)", answer)
    if location:
        assert urllib.parse.urlparse(location.group(1)).hostname in ("127.0.0.1", "localhost")


def test_requests_of_other_sites_pages(shared):
    session, _ = sign_in(shared)
    url = shared.doors["proxy"] + "/who"
    for origin in ("https://evil.example", "null", None, "http://127.0.0.1:1"):
        headers = {"Origin": origin} if origin else {}
        assert session.post(url, headers=headers, timeout=30).status_code == 403
    assert session.post(url, headers={"Origin": shared.doors["proxy"]}, timeout=30).status_code == 405
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://evil.example"}
    assert session.get(url, headers=upgrade, timeout=30).status_code == 403


def test_dns_rebinding(shared):
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example"):
        for path in ("/who", "/_afluente/issuer/.well-known/openid-configuration", "/iap/verify/public_key-jwk"):
            assert ask(shared, path, Host=host).status_code == 403


SPOOFED = ["X-Goog-IAP-JWT-Assertion", "x_goog_iap_jwt_assertion", "X-Goog-Authenticated-User-Email",
           "X_Goog_Authenticated_User_Email", "X.Goog.Authenticated.User.Email", "X-Forwarded-Email", "X-Forwarded-User",
           "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "Remote-User", "X-Auth-Request-Email"]


@pytest.mark.parametrize("name", SPOOFED)
def test_identity_headers_from_outside_are_taken_away(shared, name):
    """CVE-2025-64484: in any spelling."""
    answer = ask(shared, user="bob@ltm.example", **{name: "accounts.google.com:ana@ltm.example"})
    assert answer.json()["rows"] == [{"email": "bob@ltm.example", "groups": []}]
    assert ask(shared, "/secret/7", "bob@ltm.example", **{name: "/who"}).status_code == 403
    assert ask(shared, **{name: "accounts.google.com:ana@ltm.example"}).status_code == 401


def test_hop_by_hop_removal(shared):
    """CVE-2025-48865: Connection lists the proxy's own headers."""
    bearer = token(shared, "bob@ltm.example")
    answer = raw(shared, "GET /who HTTP/1.1\nHost: HOST\nConnection: close, X-Goog-IAP-JWT-Assertion, Host, "
                         f"X-Goog-Authenticated-User-Email\nAuthorization: Bearer {bearer}\n\n")
    assert statuses(answer) == [200] and "bob@ltm.example" in answer


@pytest.mark.parametrize("path", ["/who%2f", "/who/..%2fsecret/7", "/who/../secret/7", "/who/%2e%2e/secret/7", "/who/%252e%252e/",
                                  "/who;x=1", "//who", "/who%00", "/who\\x", "/secret/7%23", "/who#x", "/%73ecret%2f7"])
def test_tricky_paths(shared, path):
    bearer = token(shared)
    assert statuses(raw(shared, f"GET {path} HTTP/1.1\nHost: HOST\nConnection: close\nAuthorization: Bearer {bearer}\n\n"))[0] == 400


SMUGGLING = {
    "CL.TE": "POST /who HTTP/1.1\nHost: HOST\nContent-Length: 40\nTransfer-Encoding: chunked\n\n0\n\nGET /secret/7 HTTP/1.1\nHost: x\n\n",
    "TE.CL": "POST /who HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\nContent-Length: 4\n\n2f\nGET /secret/7 HTTP/1.1\nHost: x\n\n0\n\n",
    "two lengths": "POST /who HTTP/1.1\nHost: HOST\nContent-Length: 4\nContent-Length: 5\n\nabcde",
    "obfuscated coding": "POST /who HTTP/1.1\nHost: HOST\nTransfer-Encoding: xchunked\n\n0\n\n",
    "folded": "GET /who HTTP/1.1\nHost: HOST\nX-A: b\n Transfer-Encoding: chunked\n\n",
    "space before colon": "GET /who HTTP/1.1\nHost: HOST\nContent-Length : 5\n\nabcde",
    "signed length": "POST /who HTTP/1.1\nHost: HOST\nContent-Length: +5\n\nabcde",
    "two hosts": "GET /who HTTP/1.1\nHost: HOST\nHost: evil.example\n\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_smuggling(shared, name):
    assert statuses(raw(shared, SMUGGLING[name])) == [400], name


def test_a_chunk_that_is_none(shared):
    bearer = token(shared)
    for chunk in ("5;x=\n\n", "-1\n\n", "0x5\nabcde\n0\n\n", "5\nabcdeX\n0\n\n", "fffffffffffffffff\n"):
        answer = raw(shared, f"POST /who HTTP/1.1\nHost: HOST\nAuthorization: Bearer {bearer}\nTransfer-Encoding: chunked\n\n{chunk}"
                             "GET /secret/7 HTTP/1.1\nHost: HOST\n\n")
        assert 200 not in statuses(answer), chunk


def test_limits(shared):
    assert ask(shared, **{"X-Long": "x" * 20_000}).status_code == 431
    bearer = {"Authorization": "Bearer " + token(shared)}
    big = requests.post(shared.doors["proxy"] + "/who", data=b"x" * (11 << 20), headers=bearer, timeout=60)
    assert big.status_code == 413


def test_slow_headers_are_cut_off(shared):
    host, port = shared.doors["proxy"].removeprefix("http://").rsplit(":", 1)
    begin = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"GET /who HTTP/1.1\r\nHost: localhost\r\nX-")
        over = False
        connection.settimeout(1)
        while not over and time.monotonic() - begin < 60:  # a header's byte a second would go on for ever
            try:
                connection.recv(1000)
                over = True
            except TimeoutError:
                with contextlib.suppress(OSError):
                    connection.sendall(b"a")
            except OSError:
                over = True
    assert over and time.monotonic() - begin > 8


def test_outside_verifiers_find_the_keys(shared):
    """What the proxy signs, as PyJWT reads it: taken from the API's own log of a refusal's absence is no proof."""
    keys = requests.get(shared.doors["proxy"] + "/iap/verify/public_key-jwk", timeout=30).json()["keys"]
    assert keys and all(key["kty"] == "EC" and key["crv"] == "P-256" and "d" not in key for key in keys)
    issuer = shared.doors["proxy"].replace("localhost", "127.0.0.1") + "/_afluente/issuer"
    document = requests.get(issuer + "/.well-known/openid-configuration", timeout=30).json()
    assert document["issuer"] == issuer
    text = token(shared, "ana@ltm.example", "--audience", "my-client")
    key = jwt.PyJWKClient(document["jwks_uri"]).get_signing_key_from_jwt(text)
    claims = jwt.decode(text, key.key, ["RS256"], audience="my-client", issuer=issuer)
    assert claims["email"] == "ana@ltm.example" and claims["email_verified"] is True
    other = {"Authorization": "Bearer " + text}
    assert requests.get(shared.doors["proxy"] + "/who", headers=other, timeout=30).status_code == 401, "another audience"


def test_a_connection_is_used_again(shared):
    bearer = token(shared)
    one = f"GET /who HTTP/1.1\nHost: HOST\nAuthorization: Bearer {bearer}\n\n"
    assert statuses(raw(shared, one * 5)) == [200] * 5


def test_each_decision_is_a_line_of_the_log(shared):
    ask(shared, "/who?audit", "ana@ltm.example")
    lines = [json.loads(line) for line in shared.log(4000).splitlines() if '"door":"proxy"' in line]
    assert any(line["decision"] == "allow" and line["email"] == "ana@ltm.example" for line in lines)
    assert any(line["decision"] == "deny" and line["reason"] for line in lines)


def test_the_developer_issuer_stays_on_loopback(shared, launch, tmp_path):
    from instance import run_afluente
    for flag in ("--api-listen", "--proxy-listen", "--admin-listen", "--pubsub-listen"):
        result = run_afluente("up", shared.spec, "--data-dir", tmp_path / "d", flag, "0.0.0.0:0", code=2)
        assert "loopback" in result.stderr


def test_the_issuer_sends_codes_to_loopback_alone(shared):
    issuer = shared.doors["proxy"] + "/_afluente/issuer"
    question = {"response_type": "code", "client_id": "c", "code_challenge": "x" * 43, "code_challenge_method": "S256",
                "login": "ana@ltm.example"}
    for redirect in ("https://evil.example/", "http://127.0.0.1@evil.example/", "http://localhost.evil.example/", "javascript:x"):
        answer = requests.get(issuer + "/authorize", params={**question, "redirect_uri": redirect}, allow_redirects=False,
                              timeout=30)
        assert answer.status_code == 400, redirect


def test_the_issuer_needs_pkce(shared):
    issuer = shared.doors["proxy"] + "/_afluente/issuer"
    question = {"response_type": "code", "client_id": "c", "redirect_uri": "http://127.0.0.1/", "login": "ana@ltm.example"}
    assert requests.get(issuer + "/authorize", params=question, allow_redirects=False, timeout=30).status_code == 400
    question |= {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
    location = requests.get(issuer + "/authorize", params=question, allow_redirects=False, timeout=30).headers["Location"]
    code = urllib.parse.parse_qs(urllib.parse.urlparse(location).query)["code"][0]
    redeemed = requests.post(issuer + "/token", timeout=30, data={
        "grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1/", "client_id": "c",
        "code_verifier": "wrong"})
    assert redeemed.status_code == 400
