"""Runs a cloudbuild.yaml here: container steps by podman, docker steps by buildah, gcloud steps by the real gcloud against
google_stub. What Cloud Build would refuse is refused before the first step, by name."""
import os
import re
import shutil
import subprocess
import time

import yaml
from images import BASE, ENVIRONMENT, LIMITS

STEP_FIELDS = {"id", "name", "args", "entrypoint", "env", "dir", "waitFor", "timeout"}
BUILD_FIELDS = {"steps", "substitutions", "images", "options", "timeout", "serviceAccount", "tags", "logsBucket"}
BUILT_IN = {"PROJECT_ID": "test-project", "BUILD_ID": "local", "SHORT_SHA": "abc1234", "COMMIT_SHA": "abc1234" + "0" * 33,
            "BRANCH_NAME": "main", "REVISION_ID": "abc1234" + "0" * 33, "LOCATION": "us-central1", "REPO_NAME": "afluente"}
REFERENCE = re.compile(r"\$\$|\$\{(\w+)\}|\$([A-Z_][A-Z0-9_]*)")


class Refused(Exception):
    """What Cloud Build would not start."""


class StepFailed(Exception):
    def __init__(self, step, output):
        super().__init__(f"step {step} failed\n{output[-4000:]}")
        self.step, self.output = step, output


class Build:
    """A cloudbuild.yaml with its substitutions put in."""

    def __init__(self, path, substitutions=None):
        with open(path, encoding="utf-8") as file:
            self.config = yaml.safe_load(file)
        unknown = set(self.config) - BUILD_FIELDS
        if unknown:
            raise Refused(f"unknown fields: {sorted(unknown)}")
        self.values = {**self.config.get("substitutions", {}), **(substitutions or {})}
        odd = [k for k in self.values if not re.fullmatch(r"_[A-Z0-9_]+", k)]
        if odd:
            raise Refused(f"a substitution of one's own begins with an underscore: {odd}")
        self.used = set()
        dynamic = self.config.get("options", {}).get("dynamicSubstitutions", False)
        if dynamic:
            self.values = {k: self.expand(v) for k, v in self.values.items()}
            self.used.clear()
        self.steps = [self.step(i, s) for i, s in enumerate(self.config["steps"])]
        self.images = [self.expand(i) for i in self.config.get("images", [])]
        unused = set(self.values) - self.used
        if unused:
            raise Refused(f"substitutions that nothing uses: {sorted(unused)}")
        self.check_order()

    def expand(self, text):
        def value(match):
            name = match.group(1) or match.group(2)
            if name is None:
                return "$"
            self.used.add(name)
            if name in self.values:
                return str(self.values[name])
            if name in BUILT_IN:
                return BUILT_IN[name]
            raise Refused(f"undefined substitution ${{{name}}}")
        return REFERENCE.sub(value, str(text))

    def step(self, index, step):
        unknown = set(step) - STEP_FIELDS
        if unknown:
            raise Refused(f"step {step.get('id', index)}: unknown or unsupported fields {sorted(unknown)}")
        return {**step, "id": step.get("id", f"step{index}"), "name": self.expand(step["name"]),
                "args": [self.expand(a) for a in step.get("args", [])], "env": [self.expand(e) for e in step.get("env", [])]}

    def check_order(self):
        before = set()
        for step in self.steps:
            if step["id"] in before:
                raise Refused(f"two steps are called {step['id']}")
            late = [w for w in step.get("waitFor", []) if w != "-" and w not in before]
            if late:
                raise Refused(f"step {step['id']} waits for {late}, which no earlier step is called")
            before.add(step["id"])


class Runner:
    """Runs the steps in the order of the file, in a copy of the sources that plays /workspace."""

    def __init__(self, workspace, registry, say=print):
        self.workspace, self.registry, self.say = workspace, registry, say
        self.google = {}  # what sends gcloud and curl to the stub; the other steps reach the world as it is
        self.seconds = {}
        self.volumes = []  # for builds of images

    def local(self, text):
        """Artifact Registry's host is the local registry; nothing else is renamed."""
        return re.sub(r"[a-z0-9-]+-docker\.pkg\.dev(?=/)", self.registry, text)

    def run(self, build, only=None):
        for step in build.steps:
            if only is not None and step["id"] not in only:
                continue
            begin = time.monotonic()
            environment = {**ENVIRONMENT, **(self.google if "google-cloud-cli" in step["name"] else {})}
            result = subprocess.run(self.command(step), cwd=self.workspace / step.get("dir", "."), env=environment, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, errors="replace", timeout=3600, check=False)
            self.seconds[step["id"]] = time.monotonic() - begin
            last = (result.stdout.strip().splitlines() or [""])[-1]
            self.say(f"{step['id']:18} exit {result.returncode} {self.seconds[step['id']]:6.1f} s  {last[:110]}")
            if result.returncode:
                raise StepFailed(step["id"], result.stdout)

    def command(self, step):
        name = step["name"]
        args = [self.local(a) for a in step["args"]]
        if name.startswith("gcr.io/cloud-builders/docker"):
            return self.docker(step["id"], args)
        if "google-cloud-cli" in name:
            return [step.get("entrypoint", "gcloud"), *step["args"]]
        env = [f"--env={e}" for e in step["env"]]
        entrypoint = [f"--entrypoint={step['entrypoint']}"] if "entrypoint" in step else []
        return ["podman", "--runtime", "runc", "run", "--rm", *LIMITS, "--network=host", "--pull=never", *env, *entrypoint,
                "-v", f"{self.workspace}:/workspace", "-w", f"/workspace/{step.get('dir', '')}", f"localhost/{name}", *args]

    def docker(self, step, args):
        if args[0] == "build":
            return ["buildah", "build", "--pull-never", "--layers", "--format=docker", f"--build-arg=DEBIAN_IMAGE={BASE}",
                    *(f"--volume={v}" for v in self.volumes), *args[1:]]
        if args[0] == "push":
            return ["buildah", "push", "--tls-verify=false", *args[1:]]
        raise Refused(f"step {step}: docker {args[0]} is not known here")


def copy_sources(root, target):
    """What a checkout has, and the binary that the stage `prebuilt` takes."""
    listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=root,
                             capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        source = root / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    (target / "build/image").mkdir(parents=True, exist_ok=True)
    binary = root / "build/image/afluente"
    if binary.exists():
        os.link(binary, target / "build/image/afluente") if os.stat(binary).st_dev == os.stat(target).st_dev else \
            shutil.copy2(binary, target / "build/image/afluente")
