"""An HTTP server that push subscriptions push to."""
import http.server
import queue
import threading

from outcome import Wrong


class Receiver:
    """Keeps each request and answers with the next of `codes`, then with 204."""

    def __init__(self, codes=()):
        self.requests = queue.Queue()
        self.codes = list(codes)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                receiver.requests.put((dict((k.lower(), v) for k, v in self.headers.items()), body))
                self.send_response(receiver.codes.pop(0) if receiver.codes else 204)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/push"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, seconds=15):
        try:
            return self.requests.get(timeout=seconds)
        except queue.Empty:
            raise Wrong(f"nothing was pushed within {seconds} s") from None

    def close(self):
        self.server.shutdown()
        self.server.server_close()
