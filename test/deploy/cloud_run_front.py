"""What Cloud Run does before a container that only a named account may call: whoever shows no signed token is stopped, and the
token's signature is removed on the way. Run in the container's network; prints "ready"."""
import http.client
import http.server
import re
import sys

PORT, BEHIND = int(sys.argv[1]), int(sys.argv[2])
SIGNED = re.compile(r"Bearer ([\w-]+\.[\w-]+)\.[\w-]{300,}")  # RS256 has 342 characters


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        token = SIGNED.fullmatch(self.headers.get("Authorization", ""))
        if token is None:
            return self.answer(403, b"Forbidden")
        headers = {**self.headers, "Authorization": f"Bearer {token[1]}.SIGNATURE_REMOVED_BY_GOOGLE"}
        behind = http.client.HTTPConnection("127.0.0.1", BEHIND, timeout=60)
        try:
            behind.request("POST", self.path, body, headers)
            response = behind.getresponse()
            return self.answer(response.status, response.read())
        finally:
            behind.close()

    def answer(self, code, body):
        self.send_response(code)
        if code != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if code != 204:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Front)
print("ready", flush=True)
server.serve_forever()
