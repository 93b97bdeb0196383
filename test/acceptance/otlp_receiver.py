"""An OTLP receiver over HTTP that knows nothing of Afluente: bodies are parsed by OpenTelemetry's own messages."""
import base64
import contextlib
import http.server
import json
import threading

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

IDS = ("traceId", "spanId", "parentSpanId")


def with_base64_ids(node):
    """OTLP's JSON has ids in hexadecimal where protobuf's has base64."""
    if isinstance(node, list):
        return [with_base64_ids(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {key: base64.b64encode(bytes.fromhex(value)).decode() if key in IDS else with_base64_ids(value)
            for key, value in node.items()}


class Seen:
    """A span as the tests ask for it."""

    def __init__(self, span, resource):
        self.trace, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        self.name, self.kind = span.name, Span.SpanKind.Name(span.kind)
        self.start, self.end = span.start_time_unix_nano, span.end_time_unix_nano
        self.attributes = {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
        self.error = span.status.message if span.status.code == Status.STATUS_CODE_ERROR else None
        self.resource = resource


class OtlpReceiver:
    """Serves while it is entered. `status` is what it answers; a span of a body that it answers so is not kept."""

    def __init__(self):
        self.spans, self.requests, self.status, self.answer = [], [], 200, b"{}"
        self.lock = threading.Lock()
        receiver = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(self.path, dict(self.headers), body)
                self.send_response(receiver.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, path, headers, body):
        request = json_format.ParseDict(with_base64_ids(json.loads(body)), ExportTraceServiceRequest())
        with self.lock:
            self.requests.append((path, headers))
            if self.status != 200:
                return
            for resources in request.resource_spans:
                resource = {each.key: each.value.string_value for each in resources.resource.attributes}
                self.spans += [Seen(span, resource) for scope in resources.scope_spans for span in scope.spans]

    def of_trace(self, trace):
        with self.lock:
            return [span for span in self.spans if span.trace == trace]

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
