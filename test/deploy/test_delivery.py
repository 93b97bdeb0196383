"""deploy/cloudbuild.yaml: every step executed, the service it makes, and what happens when something is wrong."""
import json
import pathlib
import re
import subprocess

import pytest
import yaml
from cloudbuild import Build, Refused, StepFailed
from conftest import need
from google_inside import ask
from images import ENVIRONMENT, ROOT
from rehearsal import LOCAL, Rehearsal
from tokens import HEADER

FILE = ROOT / "deploy/cloudbuild.yaml"
DELIVER = ["deploy-functions", "deploy-api", "smoke-test", "shift-traffic"]
REVISION = "us-central1-docker.pkg.dev/test-project/afluente/{}:abc1234-local".format


def edited(tmp_path, old, new):
    text = FILE.read_text()
    assert old in text
    path = tmp_path / "cloudbuild.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def flags(step):
    return dict(a.removeprefix("--").split("=", 1) for a in step["args"] if a.startswith("--") and "=" in a)


def test_what_the_file_says():
    build = Build(FILE)
    options = build.config["options"]
    assert options["logging"] == "CLOUD_LOGGING_ONLY" and options["requestedVerifyOption"] == "VERIFIED"
    steps = {s["id"]: s for s in build.steps}
    assert list(steps) == ["install", "security", "lint", "test", "build-api", "build-function", "build-runtime", "security-runtime",
                           "push-api", "push-function", *DELIVER]
    assert build.images == [REVISION("api"), REVISION("function")]
    assert "--file=deploy/Dockerfile.api" in steps["build-api"]["args"]
    api = steps["deploy-api"]["args"]
    for literal in ("--region=us-central1", "--port=8000", "--memory=2Gi", "--cpu=1", "--min-instances=1", "--no-traffic"):
        assert literal in api
    # Nothing is delivered that was not judged: every path to a push passes the gates and the tests.
    waits = {name: set(s.get("waitFor", [])) for name, s in steps.items()}

    def before(name):
        return waits[name] | {x for w in waits[name] for x in before(w)}
    assert {"security", "lint", "test", "security-runtime"} <= before("push-api") & before("push-function")
    assert {"push-api", "push-function", "deploy-functions", "deploy-api", "smoke-test"} <= before("shift-traffic")


def test_terraform_and_the_file_agree():
    """Both write the same service: where they differed, each delivery would be a difference in the next plan."""
    said = flags({s["id"]: s for s in Build(FILE).steps}["deploy-api"])
    text = (ROOT / "deploy/terraform/spec.tf").read_text()
    default = lambda name: re.search(rf"{name} += (?:tostring\()?try\([\w.]+, \"?([\w-]+)\"?\)", text).group(1)  # noqa: E731
    assert said["region"] == default("region")
    assert [said["port"], said["cpu"], said["memory"], said["min-instances"]] == [
        default(n) for n in ("port", "cpu", "memory", "min_instances")]
    delivery = (ROOT / "deploy/terraform/modules/delivery/main.tf").read_text()
    passed = set(re.findall(r"^ +(_\w+) +=", delivery, re.M))
    assert passed == {"_REPOSITORY", "_SMOKE_ACCOUNT", "_FUNCTIONS"} <= set(yaml.safe_load(FILE.read_text())["substitutions"])


@pytest.mark.parametrize("old,new,complaint", [
    ("${_SMOKE_ACCOUNT}", "${_SMOKE_ACOUNT}", "undefined substitution ${_SMOKE_ACOUNT}"),
    ("waitFor: [install]", "waitFor: [instal]", "which no earlier step is called"),
    ("    waitFor: [install]", "    waitfor: [install]", "unknown or unsupported fields ['waitfor']"),
    ("timeout: 3600s", "timeOut: 3600s", "unknown fields"),
    ("substitutions:\n", "substitutions:\n  _UNUSED: x\n", "substitutions that nothing uses"),
    ("- id: lint", "- id: security", "two steps are called security"),
])
def test_the_runner_refuses_what_cloud_build_would(tmp_path, old, new, complaint):
    with pytest.raises(Refused, match=re.escape(complaint)):
        Build(edited(tmp_path, old, new))


@pytest.fixture(scope="module")
def delivered(containers, tmp_path_factory):
    """The whole file, executed once."""
    for tool in ("gcloud", "terraform", "curl", "nsenter", "docker-registry"):
        need(tool, "no package registry offers it" if tool in ("gcloud", "terraform") else "tools/bootstrap deploy installs it where it may")
    if not pathlib.Path(ROOT / "build/release/afluente").exists():
        pytest.skip("build/release/afluente is missing: make build")
    lines = []
    with Rehearsal(tmp_path_factory.mktemp("delivery"), lines.append) as rehearsal:
        rehearsal.lines = lines
        build = Build(FILE, LOCAL)
        try:
            rehearsal.runner.run(build)
        except StepFailed:
            print("\n".join(lines))
            raise
        rehearsal.build = build
        rehearsal.first = json.loads(json.dumps(rehearsal.cloud.services))
        yield rehearsal


def test_google_s_own_parser_takes_the_file(delivered):
    """`gcloud builds submit` reads it as Cloud Build's message and posts it to the stub."""
    result = subprocess.run(["gcloud", "builds", "submit", "--no-source", "--async", "--region=us-central1", f"--config={FILE}",
                             "--substitutions=SHORT_SHA=abc1234,COMMIT_SHA=abc1234"], env={**ENVIRONMENT, **delivered.runner.google}, capture_output=True,
                            text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    posted = delivered.cloud.builds[-1]
    assert [s["id"] for s in posted["steps"]] == [s["id"] for s in delivered.build.steps]
    assert posted["options"]["logging"] == "CLOUD_LOGGING_ONLY"


def test_every_step_ran(delivered):
    print("\n".join(delivered.lines))
    assert list(delivered.runner.seconds)[:len(delivered.build.steps)] == [s["id"] for s in delivered.build.steps]


def test_the_service_that_was_made(delivered):
    api = delivered.first["api"]
    container = api["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == REVISION("api")
    assert container["ports"][0]["containerPort"] == 8000
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "2Gi"}
    assert api["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/minScale"] == "1"
    assert api["metadata"]["annotations"]["run.googleapis.com/iap-enabled"] == "true"
    for name in ("api", "function-store"):
        status = delivered.first[name]["status"]
        new = status["latestReadyRevisionName"]
        assert new in delivered.revisions.started
        assert {t["revisionName"]: t["percent"] for t in status["traffic"] if t.get("percent")} == {new: 100}
    assert delivered.first["function-store"]["metadata"]["annotations"]["run.googleapis.com/ingress"] == "internal"


def test_the_api_answers_on_port_8000_under_its_limits(delivered):
    """The recorded image, started as recorded: 1 CPU, 2 GiB, a read-only root."""
    run, port = delivered.revisions.started[delivered.first["api"]["status"]["latestReadyRevisionName"]]
    assert port == 8000 and delivered.revisions.ask(run, port, "/health")[0] == 200
    code, text = ask(run.pid, "http://127.0.0.1:8000/app_info/7:sales", headers={HEADER: delivered.issuer.token()})
    assert code == 200 and json.loads(text)["rows"] == [], text
    container = delivered.first["api"]["spec"]["template"]["spec"]["containers"][0]
    assert {e["name"]: e["value"] for e in container["env"]}["AFLUENTE_WAREHOUSE"] == "bigquery"
    limit = run.cgroup("memory", "memory.limit_in_bytes")
    assert limit in (None, 2 << 30)


def test_the_image_says_what_is_inside(delivered):
    """The security step's bill of materials travels in the image."""
    text = (delivered.runner.workspace / "build/image/sbom-api.spdx.json").read_text()
    names = {p["name"] for p in json.loads(text)["packages"]}
    assert {"afluente-api", "libc6", "ca-certificates", "nanoarrow"} <= names


def again(delivered, **breaks):
    """Delivers once more with something broken; the step that stopped it, and where the traffic is then."""
    delivered.reset()
    before = {name: delivered.cloud.traffic(name) for name in ("api", "function-store")}
    try:
        breaks.get("prepare", lambda: None)()
        with pytest.raises(StepFailed) as failure:
            delivered.runner.run(breaks.get("build", delivered.build), breaks.get("only", DELIVER))
    finally:
        delivered.revisions.sick.clear()
    return failure.value, before


def test_a_sick_candidate_gets_no_traffic(delivered):
    failure, before = again(delivered, prepare=lambda: delivered.revisions.sick.add(("api", "candidate")), only=["deploy-api", "smoke-test", "shift-traffic"])
    assert failure.step == "smoke-test" and "got 500" in failure.output
    assert delivered.cloud.traffic("api") == before["api"]


def test_a_failure_after_the_shift_gives_the_traffic_back(delivered):
    failure, before = again(delivered, prepare=lambda: delivered.revisions.sick.add(("api", "")))
    assert failure.step == "shift-traffic" and "goes back to" in failure.output
    assert {name: delivered.cloud.traffic(name) for name in before} == before


def test_without_the_proxy_the_smoke_test_fails(delivered):
    def unprotected():
        del delivered.cloud.services["api"]["metadata"]["annotations"]["run.googleapis.com/iap-enabled"]
    failure, _ = again(delivered, prepare=unprotected, only=["deploy-api", "smoke-test", "shift-traffic"])
    assert failure.step == "smoke-test" and "a stranger got 200" in failure.output


def test_no_service_is_made_where_terraform_made_none(delivered):
    failure, _ = again(delivered, prepare=lambda: delivered.cloud.services.pop("api"), only=["deploy-api"])
    assert failure.step == "deploy-api" and "api" not in delivered.cloud.services
    delivered.reset()
