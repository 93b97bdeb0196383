"""A whole delivery on one machine: registry, Google's stub, and new revisions that really run, under their own limits."""
import contextlib
import pathlib
import subprocess
import time

import requests
from cloudbuild import Runner, copy_sources
from google_stub import Cloud, GoogleStub, Sick, service_of_terraform
from deployment import Deployment, options_of, standin
from google_inside import ADDRESSES, GoogleInside, ask
from images import PIPELINE, ROOT, Container, call, free_port, import_base, put_binary_in_context, put_pipeline_in_context

SECONDS = 60


@contextlib.contextmanager
def registry(folder):
    """A registry of images on loopback; its address."""
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
    with open(folder / "registry.log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None and time.monotonic() < deadline, (folder / "registry.log").read_text()
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)


def forget(address):
    """Takes the images that were pushed to a registry out of the store."""
    listing = call("podman", "images", "--format", "{{.Repository}}:{{.Tag}}", code=None).stdout.split()
    names = [name for name in listing if name.startswith(f"{address}/")]
    if names:
        call("podman", "rmi", "-f", *names, code=None)


def mounts_of(pod):
    """{mount path: [file names]} of a revision."""
    files = {v["name"]: [i["path"] for i in v["secret"]["items"]] for v in pod.get("volumes", [])}
    return {m["mountPath"]: files[m["name"]] for m in pod["containers"][0].get("volumeMounts", [])}


class Revisions:
    """Runs what the stub was told to run: exactly that image, port, CPU, memory and environment, in a network of its own where a
    second afluente plays Pub/Sub and BigQuery."""

    def __init__(self, local, folder, tables):
        self.local, self.folder, self.tables = local, folder, tables
        self.containers, self.started = contextlib.ExitStack(), {}
        self.sick = set()  # (service, tag) whose answers become errors

    def boot(self, service, revision, template):
        container = template["spec"]["containers"][0]
        image, limits = self.local(container["image"]), container["resources"]["limits"]
        port = (container.get("ports") or [{"containerPort": 8080}])[0]["containerPort"]
        assert limits["memory"].endswith("Gi")
        call("podman", "pull", "--tls-verify=false", image)
        folder = self.folder / revision
        given = {"env": {e["name"]: e["value"] for e in container.get("env", [])} | ADDRESSES, "mounts": mounts_of(template["spec"])}
        options = [*options_of(given, folder), "--network=none", f"--cpus={limits['cpu']}", f"--memory={limits['memory'][:-2]}g", f"--memory-swap={limits['memory'][:-2]}g",
                   "--read-only", "--cap-drop=all", "--tmpfs", "/tmp:rw,mode=1777", f"--env=PORT={port}", f"--env=K_SERVICE={service}",
                   f"--env=K_REVISION={revision}", f"--env=K_CONFIGURATION={service}"]
        run = self.containers.enter_context(Container(image, *container.get("args", []), options=options))
        run.google = self.containers.enter_context(GoogleInside(run.pid, folder / "google"))
        run.google.make_tables(self.tables)  # as Terraform did, before the first delivery
        run.start()
        deadline = time.monotonic() + SECONDS
        while self.ask(run, port, "/health")[0] != 200:
            if not run.state()["Running"] or time.monotonic() > deadline:
                raise Sick(f"the container did not answer on port {port}: {run.logs()[-500:]}")
            time.sleep(0.05)
        self.started[revision] = (run, port)
        return revision

    @staticmethod
    def ask(run, port, path):
        """Asks inside the container's network; (status, body), (0, why) without an answer."""
        code, body = ask(run.pid, f"http://127.0.0.1:{port}{path}")
        return code, body.encode()

    def forward(self, service, revision, tag, path):
        if (service, tag) in self.sick:
            return 500, b"made sick by the test"
        if revision not in self.started:
            return 200, b'{"status":"the revision before"}'
        code, body = self.ask(*self.started[revision], path)
        return code or 502, body


class Rehearsal:
    """Everything that a run of deploy/cloudbuild.yaml needs here. Left with the block."""

    def __init__(self, folder, say=print):
        self.folder, self.stack, self.say = pathlib.Path(folder), contextlib.ExitStack(), say

    def __enter__(self):
        import_base()
        put_binary_in_context()
        workspace = self.folder / "workspace"
        workspace.mkdir()
        copy_sources(ROOT, workspace)
        self.issuer = put_pipeline_in_context(workspace)
        self.deployment = Deployment(standin(self.folder / "mirror"), self.folder / "terraform")
        address = self.stack.enter_context(registry(self.folder))
        self.stack.callback(forget, address)
        runner = Runner(workspace, address, self.say)
        self.revisions = Revisions(runner.local, self.folder / "revisions", self.deployment.tables())
        self.stack.enter_context(self.revisions.containers)
        self.cloud = Cloud(self.revisions.boot, self.revisions.forward)
        self.reset()
        stub = self.stack.enter_context(GoogleStub(self.cloud, self.folder / "gcloud"))
        runner.google = {**stub.environment, "SMOKE_TEST_PAUSE": "0"}
        self.runner = runner
        return self

    def __exit__(self, *exception):
        return self.stack.__exit__(*exception)

    def reset(self):
        """The services as Terraform made them."""
        self.cloud.services.clear()
        self.cloud.seed(service_of_terraform("api", self.deployment.container("api")))
        self.cloud.seed(service_of_terraform("function-store", self.deployment.container("function-store"), iap=False))


LOCAL = {  # what a machine without an hour to spare puts in for compiling and for all unit tests
    "_BUILDER": "prebuilt",
    "_PIPELINE": PIPELINE,
    "_LINT": "bash -n deploy/smoke-test deploy/shift-traffic && python3 -m py_compile deploy/sbom",
    "_TEST": "/afluente version && /afluente validate examples/ltm/afluente.yaml",
}
