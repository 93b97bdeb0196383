"""A stand-in for the Google APIs that deploy/cloudbuild.yaml's gcloud calls: Cloud Run's Admin API, IAM Credentials, and
Identity-Aware Proxy before each service. gcloud and curl reach it as their HTTP proxy, so no name needs resolving.

It keeps what it was told; a new revision is handed to `boot`, which runs its image and says whether it became healthy.
"""
import base64
import copy
import http.server
import json
import threading
import time
import urllib.parse

DOMAIN = "a.run.stub"
ENDPOINTS = {"RUN": "run", "IAMCREDENTIALS": "iamcredentials", "SERVICEUSAGE": "serviceusage", "CLOUDBUILD": "cloudbuild"}


class Sick(Exception):
    """What `boot` raises for an image that does not become healthy."""


def service_of_terraform(name, container, project="test-project", iap=True):
    """A Cloud Run service as Terraform makes it, in the Admin API's words; `container` is deployment.Deployment's. `seed` gives it
    its first revision."""
    volumes = [{"name": f"secret-{i}", "secret": {"secretName": f"secret-{i}", "items": [{"key": "latest", "path": f} for f in files]}}
               for i, files in enumerate(container["mounts"].values())]
    told = {"env": [{"name": n, "value": v} for n, v in container["env"].items()], "args": container["args"],
            "volumeMounts": [{"name": f"secret-{i}", "mountPath": path} for i, path in enumerate(container["mounts"])]}
    return {"apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {"name": name, "namespace": project, "uid": f"uid-{name}", "generation": 1, "resourceVersion": "1",
                         "labels": {"cloud.googleapis.com/location": "us-central1"},
                         "annotations": {"run.googleapis.com/ingress": "all" if iap else "internal",
                                         **({"run.googleapis.com/iap-enabled": "true"} if iap else {})}},
            "spec": {"template": {"metadata": {"annotations": {}}, "spec": {"containers": [{
                "image": "hello", **({"ports": [{"containerPort": 8000}]} if iap else {}),
                "resources": {"limits": {"cpu": "1", "memory": "2Gi"}}, **{k: v for k, v in told.items() if v}}],
                **({"volumes": volumes} if volumes else {})}},
                "traffic": [{"latestRevision": True, "percent": 100}]}}


class Cloud:
    """The state: services, their revisions, the tokens it signed. One lock guards all of it."""

    def __init__(self, boot, forward):
        self.boot, self.forward = boot, forward
        self.services, self.revisions, self.signed, self.calls = {}, {}, {}, []
        self.lock = threading.RLock()

    def seed(self, service):
        name = service["metadata"]["name"]
        revision = f"{name}-00001-old"
        self.revisions[revision] = None
        service["status"] = {}
        self.services[name] = service
        self.settle(service, revision, None)

    def replace(self, name, wanted):
        """PUT: a changed template is a new revision."""
        with self.lock:
            old = self.services[name]
            generation = old["metadata"]["generation"] + 1
            service = copy.deepcopy(wanted)
            service["metadata"] |= {"generation": generation, "resourceVersion": str(generation), "uid": old["metadata"]["uid"]}
            revision, problem = old["status"]["latestCreatedRevisionName"], None
            template = lambda s: json.dumps(s["spec"]["template"]["spec"], sort_keys=True)  # noqa: E731
            if template(service) != template(old):
                revision = service["spec"]["template"].get("metadata", {}).get("name") or f"{name}-{generation:05d}-new"
                try:
                    self.revisions[revision] = self.boot(name, revision, service["spec"]["template"])
                except Sick as sick:
                    problem = str(sick)
            service["status"] = copy.deepcopy(old["status"])
            self.settle(service, revision, problem)
            self.services[name] = service
            return service

    def settle(self, service, revision, problem):
        name, status = service["metadata"]["name"], service["status"]
        status["observedGeneration"] = service["metadata"]["generation"]
        status["url"] = status["address"] = f"http://{name}-stub-uc.{DOMAIN}"
        status["address"] = {"url": status["url"]}
        status["latestCreatedRevisionName"] = revision
        if not problem:
            status["latestReadyRevisionName"] = revision
            traffic = []
            for target in service["spec"]["traffic"]:
                entry = {k: v for k, v in target.items() if k in ("percent", "tag")}
                entry["revisionName"] = target.get("revisionName") or revision
                if target.get("latestRevision"):
                    entry["latestRevision"] = True
                if "tag" in entry:
                    entry["url"] = f"http://{entry['tag']}---{name}-stub-uc.{DOMAIN}"
                traffic.append(entry)
            status["traffic"] = traffic
        good = "False" if problem else "True"
        status["conditions"] = [{"type": kind, "status": good, **({"message": problem, "reason": "HealthCheckContainerError"} if problem else {})}
                                for kind in ("Ready", "ConfigurationsReady", "RoutesReady")]

    def traffic(self, name):
        """revision -> percent, of those that have some."""
        with self.lock:
            return {t["revisionName"]: t["percent"] for t in self.services[name]["status"]["traffic"] if t.get("percent")}

    def sign(self, account, payload):
        part = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=").decode()  # noqa: E731
        token = f"{part(b'{}')}.{part(payload.encode())}.{part(str(time.monotonic_ns()).encode())}"
        with self.lock:
            self.signed[token] = (account, json.loads(payload))
        return token

    def visit(self, host, path, authorization):
        """A request to a service's own address: the proxy first, then the revision that has the traffic."""
        label = host.removesuffix(f".{DOMAIN}")
        tag, _, rest = label.rpartition("---")
        name = rest.removesuffix("-stub-uc")
        with self.lock:
            service = self.services.get(name)
            if service is None:
                return 404, b"no such service"
            if service["metadata"]["annotations"].get("run.googleapis.com/iap-enabled") == "true":
                account, claims = self.signed.get((authorization or "").removeprefix("Bearer "), (None, {}))
                good = account and claims.get("aud") == f"http://{host}/*" and claims.get("sub") == account \
                    and claims.get("iat", 0) - 60 < time.time() < claims.get("exp", 0) <= claims.get("iat", 0) + 3600
                if not good:
                    return 302, b"sign in"
            targets = [t for t in service["status"]["traffic"] if t.get("tag") == tag] if tag else \
                sorted(service["status"]["traffic"], key=lambda t: t.get("percent", 0))
            revision = targets[-1]["revisionName"]
        return self.forward(name, revision, tag, path)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud = None

    def answer(self, code, body):
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def refuse(self, code, status, message):
        self.answer(code, {"error": {"code": code, "status": status, "message": message}})

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        host, parts = url.hostname or "", [p for p in url.path.split("/") if p]
        self.cloud.calls.append((self.command, host, url.path))
        if host.endswith(DOMAIN):
            return self.answer(*self.cloud.visit(host, url.path, self.headers.get("Authorization")))
        if host.endswith("iamcredentials.stub") and url.path.endswith(":signJwt"):
            account = parts[-1].removesuffix(":signJwt")
            return self.answer(200, {"keyId": "stub", "signedJwt": self.cloud.sign(account, json.loads(body)["payload"])})
        if host.endswith("serviceusage.stub"):
            return self.answer(200, {"name": url.path.lstrip("/"), "state": "ENABLED"})
        if host.endswith("cloudbuild.stub") and url.path.endswith("/builds"):
            self.cloud.builds = [*getattr(self.cloud, "builds", []), json.loads(body)]
            return self.answer(200, {"name": "operations/build/test-project/x", "metadata": {
                "@type": "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata",
                "build": {"id": "b1", "projectId": "test-project", "status": "QUEUED", "logUrl": "http://log.stub"}}})
        if host.endswith("run.stub") and "services" in parts:
            return self.handle_service(parts[parts.index("services") + 1:], body)
        if "locations" in parts:
            return self.answer(200, {"locations": [{"locationId": "us-central1", "name": "projects/test-project/locations/us-central1"}]})
        return self.refuse(501, "UNIMPLEMENTED", f"the stub does not know {self.command} {self.path}")

    def handle_service(self, rest, body):
        name = rest[0] if rest else json.loads(body)["metadata"]["name"]
        if name not in self.cloud.services:
            return self.refuse(404, "NOT_FOUND", f"there is no service {name}")
        if self.command == "GET":
            return self.answer(200, self.cloud.services[name])
        if self.command == "PUT":
            return self.answer(200, self.cloud.replace(name, json.loads(body)))
        return self.refuse(501, "UNIMPLEMENTED", f"the stub does not know {self.command} of a service")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_):
        pass


class GoogleStub:
    """The stub's server; `environment` makes gcloud and curl come here."""

    def __init__(self, cloud, folder):
        self.cloud, self.folder = cloud, folder
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"cloud": cloud}))
        self.server.daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def environment(self):
        port = str(self.server.server_port)
        overrides = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{k}": f"http://{v}.stub/" for k, v in ENDPOINTS.items()}
        return {"CLOUDSDK_CONFIG": str(self.folder), "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
                "CLOUDSDK_CORE_PROJECT": "test-project", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
                "CLOUDSDK_PROXY_TYPE": "http", "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1", "CLOUDSDK_PROXY_PORT": port,
                "http_proxy": f"http://127.0.0.1:{port}", "no_proxy": "", **overrides}
