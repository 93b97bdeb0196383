"""deploy/Dockerfile.api and Dockerfile.function: what is in the images, and that they run as Cloud Run runs them."""
import json
import os
import pathlib
import re
import subprocess
import threading

import pytest
import requests
from images import CLOUD_RUN, ROOT, Container, build, call, free_port, inspect

MIB = 1 << 20
BUDGET = 120 * MIB
ROLES = ["api", "function"]


@pytest.fixture(scope="session")
def images(containers):
    if not (ROOT / "build/release/afluente").exists():
        pytest.skip("build/release/afluente is missing: make build")
    return {role: build(role, "--label", "org.opencontainers.image.revision=test") for role in ROLES}


@pytest.fixture(scope="session")
def runtime(images):
    """The stage that the final image's files come from, where Debian's tools still are."""
    return build("api", target="runtime")


@pytest.mark.parametrize("role", ROLES)
def test_what_the_image_says(images, role):
    facts = inspect(images[role])
    config = facts["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/usr/bin/afluente"] and config["Cmd"] == [role]
    assert config["WorkingDir"] == "/pipeline"
    assert facts["Healthcheck"]["Test"] == ["CMD", "/usr/bin/afluente", "health"]
    assert config["StopSignal"] in ("SIGTERM", "15")
    assert list(config["ExposedPorts"]) == [{"api": "8000/tcp", "function": "8080/tcp"}[role]]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == f"afluente-{role}"
    assert labels["org.opencontainers.image.revision"] == "test"
    assert facts["Size"] <= BUDGET, f"{facts['Size'] / MIB:.1f} MiB"


def test_nothing_is_in_the_image_that_it_does_not_need(images):
    container = call("buildah", "from", "--pull-never", images["api"]).stdout.strip()
    try:
        mount = pathlib.Path(call("buildah", "mount", container).stdout.strip())
        files = {str(p.relative_to(mount)) for p in mount.rglob("*") if p.is_file() and not p.is_symlink()}
        setuid = [p for p in mount.rglob("*") if p.is_file() and p.stat().st_mode & 0o6000]
    finally:
        call("buildah", "rm", container)
    outside = {f for f in files if not f.startswith(("pipeline/", "dev/", "proc/", "sys/", "run/"))}
    allowed = re.compile(r"usr/bin/afluente|lib(64)?/([\w-]+/)?(libc|libm|ld-linux-x86-64)\.so\.\d|etc/(passwd|group|nsswitch\.conf|"
                         r"ssl/certs/ca-certificates\.crt|afluente-packages|hosts|resolv\.conf|hostname)|usr/share/doc/afluente/(LICENSE|sbom.*)")
    assert not {f for f in outside if not allowed.fullmatch(f)}
    assert "pipeline/afluente.yaml" in files and not setuid


def test_no_update_is_pending(images, runtime):
    """The gate passes in the stage that the files come from: its packages are Debian's newest."""
    answer = call("podman", "--runtime", "runc", "run", "--rm", "--ulimit", "nproc=1000:1000", "--ulimit", "nofile=1024:1024",
                  "--network=host", "--pull=never", "-v", f"{ROOT}/deploy/security-gate:/gate:ro", "--workdir", "/", runtime, "/gate")
    assert "nothing pending" in answer.stdout


@pytest.mark.parametrize("policy,pending,complaint", [
    ("release a=stable-security,n=bookworm-security", "Inst libc6 [1] (2 Debian-Security:12/stable-security)", "1 updates pending"),
    ("release a=stable,n=bookworm", "", "no security suite"),
])
def test_the_gate_refuses(tmp_path, policy, pending, complaint):
    """With an update pending, and where it could see none."""
    for name, text in {"apt-get": f"case $* in *dist-upgrade*) echo '{pending}';; esac", "apt-cache": f"echo '{policy}'"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    result = subprocess.run([ROOT / "deploy/security-gate"], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True,
                            text=True, check=False)
    assert result.returncode == 1 and complaint in result.stderr


def bill(listing, *options, code=0):
    return call(str(ROOT / "deploy/sbom"), "--name", "api", "--revision", "test", *options, stdin=listing, code=code)


def test_bill_of_materials(tmp_path):
    """Valid SPDX that names what is linked in, down to the pinned sources."""
    listing = subprocess.run(["dpkg-query", "-W", "-f=${Package}\t${Version}\n"], capture_output=True, text=True, check=True).stdout
    path = tmp_path / "sbom.spdx.json"
    path.write_text(bill(listing, "--refuse", str(ROOT / "deploy/refused-versions.tsv")).stdout)
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
    document = parse_file(str(path))
    assert not validate_full_spdx_document(document)
    plain = json.loads(path.read_text())
    inside = {r["relatedSpdxElement"] for r in plain["relationships"] if r["relationshipType"] == "CONTAINS"}
    names = {p["name"]: p["versionInfo"] for p in plain["packages"] if p["SPDXID"] in inside}
    assert {"libgrpc++-dev", "libssl-dev", "libc6", "rquickjs-sys", "nanoarrow"} <= set(names)
    pinned = (ROOT / "tools/versions").read_text()
    assert f"DUCKDB_BINDINGS={names['github.com/duckdb/duckdb-go-bindings/lib/linux-amd64']}" in pinned
    assert "g++" not in names


def test_a_refused_version_stops_the_build(tmp_path):
    listing = "libssl-dev\t3.0.1-1\nlibc6\t2.36-9\n"
    rules = tmp_path / "refused.tsv"
    rules.write_text("deb\tlibssl-dev\t3.0.1-*\ta weakness\n")
    assert "libssl-dev 3.0.1-1: a weakness" in bill(listing, "--refuse", str(rules), code=1).stderr
    rules.write_text("deb\tlibssl-dev\t3.0.2-*\tanother version\n")
    bill(listing, "--refuse", str(rules))
    assert "no linked Debian package" in bill("", code=1).stderr


@pytest.fixture(scope="module")
def running(images):
    """The api's image as Cloud Run would start it: limits, read-only root, no capability. The embedded pipeline stands in
    for the role where the binary does not have it yet."""
    port = free_port()
    container = Container(images["api"], "up", "--api-listen", f"127.0.0.1:{port}", "--pubsub-listen", "127.0.0.1:0",
                          "--admin-listen", "127.0.0.1:0", "--proxy-listen", "127.0.0.1:0",
                          options=["--network=host", *CLOUD_RUN, "--tmpfs", "/tmp:rw,mode=1777"])
    with container:
        yield container, f"http://127.0.0.1:{port}"


def test_health_and_limits(running):
    container, url = running
    answer, seconds = container.get(f"{url}/health")
    print(f"podman run to the first answer: {seconds * 1000:.0f} ms")
    assert answer.status_code == 200
    container.exec("/usr/bin/afluente", "health")
    limit = container.cgroup("memory", "memory.limit_in_bytes")
    if limit is not None:
        assert limit == 2 << 30
        assert container.cgroup("cpu", "cpu.cfs_quota_us") == container.cgroup("cpu", "cpu.cfs_period_us")


def test_the_root_is_read_only(running):
    container, _ = running
    assert container.exec("/usr/bin/afluente", "init", "/elsewhere", code=None).returncode != 0


def test_under_load_it_stays_within_its_memory(running):
    container, url = running
    container.get(f"{url}/health")
    failures = []

    def ask():
        with requests.Session() as session:
            for _ in range(100):
                if session.get(f"{url}/app_info/7:sales", timeout=60).status_code != 200:
                    failures.append(1)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    assert container.state()["Running"] and not container.state()["OOMKilled"]
    peak = container.cgroup("memory", "memory.max_usage_in_bytes")
    if peak is not None:
        print(f"memory at most {peak / MIB:.0f} MiB")
        assert peak < 2 << 30


def test_frozen_between_requests(running):
    """Cloud Run takes the CPU away between requests: after a pause it answers as before."""
    container, url = running
    container.get(f"{url}/health")
    call("podman", "pause", container.id)
    call("podman", "unpause", container.id)
    assert container.get(f"{url}/health")[0].status_code == 200


def test_sigterm(running):
    """Last: it ends the container."""
    container, url = running
    container.get(f"{url}/health")
    code, seconds = container.terminate()
    assert code == 0 and seconds < 10, f"exit code {code} after {seconds:.1f} s\n{container.logs()}"


def test_more_memory_than_allowed_is_refused(images, runtime):
    """The limit of the other tests is one: a program that takes more is killed."""
    hungry = "head -c 64m /dev/zero | tail | sleep 1"
    result = call("podman", "--runtime", "runc", "run", "--rm", "--ulimit", "nproc=1000:1000", "--ulimit", "nofile=1024:1024",
                  "--pull=never", "--network=host", "--memory=32m", "--memory-swap=32m", "--workdir", "/", runtime, "bash", "-o",
                  "pipefail", "-c", hungry, code=None)
    assert result.returncode != 0
