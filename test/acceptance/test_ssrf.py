"""Server-side request forgery: nothing that an issuer says, and no URL of the specification, makes the process ask elsewhere."""
import http.server
import threading

import pytest
import requests
from instance import Instance, run_afluente, write_pipeline
from openid_issuer import OpenIdIssuer

ELSEWHERE = ["http://169.254.169.254/computeMetadata/v1/", "http://10.0.0.1/", "http://localhost.evil.example/",
             "http://127.0.0.1.evil.example/", "http://user@127.0.0.1:1/", "gopher://127.0.0.1/", "ftp://127.0.0.1/"]
SPEC = """\
project: test-project
topics: {Data: {}}
access:
  members: ["domain:ltm.example"]
  login: {issuer: "ISSUER", client_id: web-client}
"""


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_specification_that_names_such_places_is_refused(tmp_path, url):
    refused = run_afluente("validate", write_pipeline(tmp_path, SPEC.replace("ISSUER", url)), code=2)
    assert "access.login.issuer" in refused.stderr + refused.stdout
    spec = SPEC.replace('  login: {issuer: "ISSUER", client_id: web-client}', (
        f'  assertion: {{issuer: "https://cloud.google.com/iap", audience: /projects/1/apps/p, jwks_uri: "{url}"}}'))
    refused = run_afluente("validate", write_pipeline(tmp_path, spec), code=2)
    assert "access.assertion.jwks_uri" in refused.stderr + refused.stdout


@pytest.fixture
def decoy():
    """Counts whoever comes by."""
    class Count(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.visits += 1
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Count)
    server.visits = 0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Misleading(OpenIdIssuer):
    """Its discovery document names these places instead of its own."""

    def __init__(self, **places):
        super().__init__()
        self.places = places

    def document(self, path):
        document = super().document(path)
        return {**document, **self.places} if "issuer" in document else document


@pytest.mark.parametrize("place", ["jwks_uri", "token_endpoint", "authorization_endpoint"])
@pytest.mark.parametrize("url", ["http://169.254.169.254/x", "file:///etc/passwd", "https://127.0.0.1:PORT/x",
                                 "http://decoy@127.0.0.1:PORT/x", "http://127.0.0.1:PORT\r\nX: y"])
def test_an_issuers_document_cannot_send_it_elsewhere(tmp_path, decoy, place, url):
    with Misleading(**{place: url.replace("PORT", str(decoy.server_address[1]))}).serving() as issuer:
        instance = Instance(tmp_path, SPEC.replace("ISSUER", issuer.url))
        instance.start()
        token = issuer.token("ana@ltm.example")
        door = instance.doors["proxy"] + "/docs"
        answer = requests.get(door, headers={"Authorization": "Bearer " + token}, timeout=60)
        assert answer.status_code == 503, answer.text
        answer = requests.get(door, headers={"Accept": "text/html"}, timeout=60, allow_redirects=False)
        assert answer.status_code == 503, answer.text
        assert "169.254" not in answer.text and "passwd" not in answer.text
        instance.terminate()
    assert decoy.visits == 0


def test_a_redirect_of_the_issuer_is_not_followed(tmp_path, decoy):
    class Redirecting(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{decoy.server_address[1]}/internal")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    issuer = OpenIdIssuer()
    issuer.server.RequestHandlerClass = Redirecting
    with issuer.serving():
        instance = Instance(tmp_path, SPEC.replace("ISSUER", issuer.url))
        instance.start()
        answer = requests.get(instance.doors["proxy"] + "/docs", timeout=60,
                              headers={"Authorization": "Bearer " + issuer.token("ana@ltm.example")})
        assert answer.status_code == 503
        instance.terminate()
    assert decoy.visits == 0
