"""Images built by buildah and run by podman, under the limits that Cloud Run sets."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFIX = "localhost/afluente-check"
BASE = f"{PREFIX}/debian:12"
# Images of our own store, so that nobody else's are touched and `make clean` takes them along.
STORE = ROOT / "build/deploy/containers"
STORE_SETTINGS = STORE / "storage.conf"
ENVIRONMENT = {**os.environ, "CONTAINERS_STORAGE_CONF": str(STORE_SETTINGS), "BUILDAH_ISOLATION": "chroot"}
ENVIRONMENT.pop("STORAGE_DRIVER", None)
# Without CAP_SYS_RESOURCE, as in a container without privileges, runc cannot raise these; as root on a machine they do no harm.
LIMITS = ["--ulimit", "nproc=1000:1000", "--ulimit", "nofile=1024:1024"]
CLOUD_RUN = ["--memory=2g", "--memory-swap=2g", "--cpus=1", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"]
PIPELINE = "build/image/pipeline"
WAIT_SECONDS = 60


def call(*command, code=0, stdin=None, timeout=580):
    result = subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=timeout, env=ENVIRONMENT, cwd=ROOT,
                            check=False)
    assert code is None or result.returncode == code, (
        f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}")
    return result


def import_base():
    """The Debian base that set-up made, once for each time it was made."""
    STORE.mkdir(parents=True, exist_ok=True)
    STORE_SETTINGS.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{STORE}/graph"\nrunroot = "{STORE}/run"\n', encoding="utf-8")
    archive = (ROOT / "build/deploy/base.tar").resolve()
    stamp = f"{archive.stat().st_mtime_ns}"
    known = call("podman", "image", "inspect", BASE, code=None)
    if known.returncode == 0 and (json.loads(known.stdout)[0].get("Labels") or {}).get("made") == stamp:
        return
    call("podman", "import", "--change", 'CMD ["bash"]', "--change", f"LABEL made={stamp}", str(archive), BASE)


def put_binary_in_context():
    """The stripped binary where the stage `prebuilt` takes it from."""
    binary = pathlib.Path(os.environ.get("AFLUENTE_BINARY") or ROOT / "build/release/afluente")
    target = ROOT / "build/image/afluente"
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.stat().st_mtime < binary.stat().st_mtime:
        shutil.copy2(binary, target)
        call("strip", str(target))
        os.utime(target)


def put_pipeline_in_context(context=ROOT):
    """examples/ltm as it is delivered: with the proxy whose assertions the API believes. The issuer of these."""
    sys.path.append(str(ROOT / "test/acceptance"))
    from tokens import AUDIENCE, ISSUER, Issuer
    issuer, pipeline = Issuer(), context / PIPELINE
    shutil.rmtree(pipeline, ignore_errors=True)
    shutil.copytree(ROOT / "examples/ltm", pipeline)
    (pipeline / "keys.json").write_text(json.dumps({"keys": [issuer.jwk()]}), encoding="utf-8")
    with open(pipeline / "afluente.yaml", "a", encoding="utf-8") as spec:
        spec.write(f"access:\n  members: [\"user:ana@ltm.example\"]\n  assertion: {{issuer: \"{ISSUER}\", audience: {AUDIENCE}, "
                   "jwks_uri: \"file:keys.json\"}\n")
    return issuer


def build(role, *options, target=None):
    """An image of deploy/Dockerfile.ROLE with the binary that is already built; its name."""
    import_base()
    put_binary_in_context()
    if not (ROOT / PIPELINE).exists():
        put_pipeline_in_context()
    name = f"{PREFIX}/{role}:{target or 'dev'}"
    call("buildah", "build", "--pull-never", "--layers", "--format", "docker", "--build-arg", "BUILDER=prebuilt", "--build-arg",
         f"DEBIAN_IMAGE={BASE}", "--build-arg", f"PIPELINE={PIPELINE}", *options, *(["--target", target] if target else []), "-f", f"deploy/Dockerfile.{role}",
         "-t", name, ".")
    return name


def inspect(image):
    return json.loads(call("podman", "image", "inspect", image).stdout)[0]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Container:
    """A container of ours, gone when the block ends."""

    def __init__(self, image, *command, options=()):
        """Made, with its network, but not started."""
        self.id = call("podman", "--runtime", "runc", "create", *LIMITS, "--pull=never", *options, image, *command).stdout.strip()
        call("podman", "--runtime", "runc", "init", self.id)
        self.pid = self.state()["Pid"]
        self.begin = None

    def start(self):
        self.begin = time.monotonic()
        call("podman", "--runtime", "runc", "start", self.id)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        call("podman", "rm", "-f", "-t", "0", self.id, code=None)

    def state(self):
        return json.loads(call("podman", "inspect", self.id).stdout)[0]["State"]

    def logs(self):
        result = call("podman", "logs", self.id, code=None)
        return result.stdout + result.stderr

    def wait_for_log(self, text):
        deadline = time.monotonic() + WAIT_SECONDS
        while text not in self.logs():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.1)

    def exec(self, *command, code=0):
        return call("podman", "exec", self.id, *command, code=code)

    def terminate(self):
        """SIGTERM; (exit code, seconds until it was gone)."""
        begin = time.monotonic()
        call("podman", "kill", "--signal", "TERM", self.id)
        call("podman", "wait", self.id, timeout=WAIT_SECONDS)
        return self.state()["ExitCode"], time.monotonic() - begin

    def cgroup(self, controller, name):
        """A figure that the kernel keeps of the container; None where it has cgroups of another version."""
        pid = self.pid
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            file = pathlib.Path("/sys/fs/cgroup", controllers.split("=")[-1], path.lstrip("/"), name)
            if controller in controllers.split(",") and file.exists():
                return int(file.read_text())
        return None
