"""An HTTP endpoint that messages are pushed to, as a user's web service would be."""
import base64
import datetime
import http.server
import ipaddress
import json
import socketserver
import ssl
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa


class Push:
    """One request: its headers, its body and when it came."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.time = path, headers, body, time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def data(self):
        """A wrapped message's data."""
        return base64.b64decode(self.json["message"].get("data", ""))


class Endpoint:
    """Answers each push with what `answer(push)` says: a status, 200 when it says nothing."""

    def __init__(self, certificate=None, answer=None, port=0):
        self.pushes, self.connections = [], 0
        self.answer = answer or (lambda push: 200)
        self._lock = threading.Lock()
        self._server = self._serve(port)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://localhost:{self.port}/push?token=1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05},
                                        daemon=True)
        self._thread.start()

    def _serve(self, port):
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with endpoint._lock:
                    endpoint.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                push = Push(self.path, self.headers, body)
                with endpoint._lock:
                    endpoint.pushes.append(push)
                status = endpoint.answer(push) or 200
                try:
                    if status == 102:
                        self.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n")
                        return
                    self.send_response(status)
                    if status != 204:
                        self.send_header("Content-Length", "2")
                    self.end_headers()
                    if status != 204:
                        self.wfile.write(b"ok")
                except OSError:
                    pass  # the server went away

            def log_message(self, *args):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass  # a client that does not like our certificate, or is killed

        return Server(("127.0.0.1", port), Handler)

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def datas(self):
        with self._lock:
            return [push.data for push in self.pushes]


def make_certificate(directory):
    """A self-signed certificate for localhost with its key, in one PEM file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256()))
    path = directory / "localhost.pem"
    path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM))
    return path
