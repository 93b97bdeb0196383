"""An OpenID issuer on loopback as far as verifying its tokens goes: discovery and keys."""
import contextlib
import http.server
import json
import threading

from tokens import Issuer


class OpenIdIssuer:
    """Serves while it is entered; `tls` is an SSL context for https."""

    def __init__(self, tls=None):
        self.keys = [Issuer("login-1", bits=2048)]
        self.down = False
        self.key_requests = 0
        issuer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if issuer.down:
                    return self.send_error(503)
                if self.path == "/keys":
                    issuer.key_requests += 1
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Cache-Control", "max-age=60")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"

    def document(self, path):
        if path == "/keys":
            return {"keys": [key.jwk() for key in self.keys]}
        return {"issuer": self.url, "authorization_endpoint": self.url + "/authorize",
                "token_endpoint": self.url + "/token", "jwks_uri": self.url + "/keys"}

    def token(self, email, key=0, **changes):
        return self.keys[key].token(**{"iss": self.url, "aud": "web-client", "email": email, "email_verified": True,
                                       "sub": email, **changes})

    @contextlib.contextmanager
    def serving(self):
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()
