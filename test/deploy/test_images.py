"""deploy/Dockerfile.api and Dockerfile.function: what is in the images, and that they run as Cloud Run runs them."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import subprocess
import time

import pytest
from deployment import Deployment, options_of
from google_inside import ADDRESSES, BIGQUERY, PROJECT, GoogleInside, ask, run_python
from images import CLOUD_RUN, ROOT, Container, build, call, inspect, put_pipeline_in_context
from tokens import HEADER

MIB = 1 << 20
BUDGET = 120 * MIB
ROLES = ["api", "function"]


@pytest.fixture(scope="session")
def images(containers, issuer):
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
    assert facts["Healthcheck"]["Test"] == ["CMD", "/usr/bin/afluente", "health", "--role"]
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


# The role, as Cloud Run starts it with what Terraform says: a network of its own, where a second afluente plays Google.

PORTS = {"api": 8000, "function": 8080}
SERVICES = {"api": "api", "function": "function-store"}
COLD = """
import http.client, json, time
begin = {begin}
while True:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", {port}, timeout=5)
        connection.request("GET", "/health")
        if connection.getresponse().status == 200:
            break
    except OSError:
        pass
    assert time.monotonic() < begin + 60
    time.sleep(0.001)
print(json.dumps(time.monotonic() - begin))
"""
LOAD = """
import json, threading, requests
failures = []
def ask():
    with requests.Session() as session:
        for _ in range({requests}):
            answer = session.get("http://127.0.0.1:8000/app_info/7:sales", headers={headers}, timeout=60)
            if answer.status_code != 200:
                failures.append(answer.text)
threads = [threading.Thread(target=ask) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(json.dumps(failures))
"""


@pytest.fixture(scope="session")
def deployment(standin, tmp_path_factory):
    return Deployment(standin, tmp_path_factory.mktemp("deployment"))


@pytest.fixture(scope="session")
def issuer(containers):
    """Whose assertions the images believe; before they are built."""
    return put_pipeline_in_context()


@contextlib.contextmanager
def started(role, images, deployment, folder):
    """(container, the afluente that plays Google) of a role that answers."""
    told = deployment.container(SERVICES[role])
    told["env"] |= ADDRESSES
    cloud_run = {"PORT": PORTS[role], "K_SERVICE": SERVICES[role], "K_REVISION": f"{role}-1", "K_CONFIGURATION": role}
    options = ["--network=none", *CLOUD_RUN, "--tmpfs", "/tmp:rw,mode=1777", *options_of(told, folder),
               *(f"--env={name}={value}" for name, value in cloud_run.items())]
    with Container(images[role], *told["args"], options=options) as container, GoogleInside(container.pid, folder / "google") as google:
        google.make_tables(deployment.tables())
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            first = pool.submit(run_python, container.pid, COLD.format(begin=begin, port=PORTS[role]))
            container.start()
            try:
                seconds = first.result()
            except AssertionError as late:
                raise AssertionError(f"{late}\n{container.logs()}") from late
        print(f"{role}: `podman start` to the first answer {seconds * 1000:.0f} ms")
        yield container, google


@pytest.fixture(scope="module")
def api(issuer, images, deployment, tmp_path_factory):
    with started("api", images, deployment, tmp_path_factory.mktemp("api")) as (container, google):
        rows = [{"json": {"app_id": 7, "app_department": "sales", "action_id": n, "user_email": "ana@ltm.example", "date": "2026-11-24"}}
                for n in range(3)]
        code, text = ask(google.pid, f"http://{BIGQUERY}/bigquery/v2/projects/{PROJECT}/datasets/enterprise_app_dataset/tables/"
                         "latest_table/insertAll", {"rows": rows})
        assert code == 200 and "insertErrors" not in text, text
        yield container, google


@pytest.fixture(scope="module")
def function(issuer, images, deployment, tmp_path_factory):
    with started("function", images, deployment, tmp_path_factory.mktemp("function")) as running:
        yield running


def get(container, path, token=None):
    return ask(container.pid, f"http://127.0.0.1:8000{path}", headers={HEADER: token} if token else {})


def test_the_api_answers_on_port_8000(api, issuer):
    """Rows of BigQuery for whom the proxy names, nothing for a stranger, health for everybody."""
    container, _ = api
    assert get(container, "/health")[0] == 200
    code, text = get(container, "/app_info/7:sales", issuer.token())
    assert code == 200 and [row["action_id"] for row in json.loads(text)["rows"]] == [0, 1, 2], text
    assert get(container, "/app_info/7:sales")[0] == 401
    assert get(container, "/app_info/7:sales", issuer.token(email="eva@elsewhere.example"))[0] == 403


def test_the_function_stores_what_is_pushed(function, deployment):
    container, google = function
    assert ask(container.pid, "http://127.0.0.1:8080/", {"message": {"messageId": "1", "data": "e30="}})[0] == 401
    with google.cloud_run(PORTS["function"]) as url:
        google.push_to(url, deployment.push_token())
        google.publish(*({"app_id": n, "app_department": "sales", "action_id": n} for n in range(20)))
        rows = google.wait_for_rows("SELECT app_id FROM enterprise_app_dataset.latest_table ORDER BY app_id", 20)
    assert [row[0] for row in rows] == [str(n) for n in range(20)]
    google.push_to("http://127.0.0.1:8080/", deployment.push_token(), "past-the-front")
    google.publish({"app_id": 99})
    container.wait_for_log("the token did not come through Cloud Run")


@pytest.mark.parametrize("role", ROLES)
def test_limits_and_health(request, role):
    container, _ = request.getfixturevalue(role)
    container.exec("/usr/bin/afluente", "health", "--role")
    limit = container.cgroup("memory", "memory.limit_in_bytes")
    if limit is not None:
        assert limit == 2 << 30
        assert container.cgroup("cpu", "cpu.cfs_quota_us") == container.cgroup("cpu", "cpu.cfs_period_us")


@pytest.mark.parametrize("role", ROLES)
def test_the_root_is_read_only(request, role):
    container, _ = request.getfixturevalue(role)
    assert container.exec("/usr/bin/afluente", "init", "/elsewhere", code=None).returncode != 0


def test_under_load_it_stays_within_its_memory(api, issuer):
    container, _ = api
    assert not run_python(container.pid, LOAD.format(requests=100, headers={HEADER: issuer.token()}))
    assert container.state()["Running"] and not container.state()["OOMKilled"]
    peak = container.cgroup("memory", "memory.max_usage_in_bytes")
    if peak is not None:
        print(f"memory at most {peak / MIB:.0f} MiB")
        assert peak < 2 << 30


def test_frozen_between_requests(api):
    """Cloud Run takes the CPU away between requests: after a pause it answers as before."""
    container, _ = api
    call("podman", "pause", container.id)
    call("podman", "unpause", container.id)
    assert get(container, "/health")[0] == 200


@pytest.mark.parametrize("role", ROLES)
def test_sigterm(request, role):
    """Last of each role: it ends the container."""
    container, _ = request.getfixturevalue(role)
    code, seconds = container.terminate()
    assert code == 0 and seconds < 10, f"exit code {code} after {seconds:.1f} s\n{container.logs()}"


@pytest.mark.parametrize("memory,enough", [("32m", False), ("256m", True)])
def test_more_memory_than_allowed_is_refused(images, runtime, memory, enough):
    """The limit of the other tests is one: a program that takes more is killed, and one that does not ends well."""
    hungry = "head -c 64m /dev/zero | tail | wc -c"  # without a newline tail holds all of it
    result = call("podman", "--runtime", "runc", "run", "--rm", "--ulimit", "nproc=1000:1000", "--ulimit", "nofile=1024:1024",
                  "--pull=never", "--network=host", f"--memory={memory}", f"--memory-swap={memory}", "--workdir", "/", runtime, "bash", "-o",
                  "pipefail", "-c", hungry, code=None)
    assert (result.returncode == 0) == enough, result.stderr
    assert (result.stdout.strip() == str(64 << 20)) == enough
