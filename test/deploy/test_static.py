"""deploy/ by other people's linters. Where one is wrong for this system, the reason stands beside the check that is left out."""
import json
import subprocess

import pytest
from conftest import need
from images import ROOT

DOCKERFILES = ["deploy/Dockerfile.api", "deploy/Dockerfile.function"]
SCRIPTS = ["deploy/smoke-test", "deploy/shift-traffic", "deploy/security-gate", "tools/bootstrap"]
LEFT_OUT = {
    "CKV_GCP_80": "tables are encrypted with Google's keys; a customer's own key is a choice that the module leaves to its user",
    "CKV_GCP_81": "the same for datasets",
    "CKV_GCP_83": "the same for topics",
    "CKV_GCP_84": "the same for the registry of images",
    "CKV_GCP_62": "access to the bucket of states is in Cloud Audit Logs; a second log would need a second bucket",
    "CKV_K8S_15": "tags are immutable in our registry: pulling again could bring nothing else",
    "CKV_K8S_43": "the manifests have a placeholder where the delivery puts the image",
    "CKV_DOCKER_7": "takes a stage named by an argument for an image without a tag",
}
CHECKOV = ROOT / "build/python-checkov/bin/checkov"


def checkov(folder, *frameworks):
    """framework -> (how many checks passed, what failed)."""
    if not CHECKOV.exists():
        pytest.skip("checkov is missing: tools/bootstrap deploy")
    result = subprocess.run([CHECKOV, "-d", str(folder), "--skip-download", "--framework", *frameworks, "--compact", "--output", "json",
                             "--skip-check", ",".join(LEFT_OUT)], capture_output=True, text=True, timeout=580, check=False)
    answers = json.loads(result.stdout)
    answers = answers if isinstance(answers, list) else [answers]
    assert not any(a["summary"]["parsing_errors"] for a in answers)
    return {a["check_type"]: (a["summary"]["passed"], [f"{c['check_id']} {c['check_name']}: {c['resource']}" for c in a["results"]["failed_checks"]])
            for a in answers}


def test_checkov():
    answers = checkov(ROOT / "deploy", "terraform", "dockerfile", "kubernetes")
    assert {kind: failed for kind, (_, failed) in answers.items()} == {"terraform": [], "dockerfile": [], "kubernetes": []}
    assert answers["terraform"][0] >= 15 and answers["dockerfile"][0] >= 100 and answers["kubernetes"][0] >= 300


def test_checkov_sees_a_mistake(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM debian:12\nRUN apt-get update\nUSER root\n")
    _, failed = checkov(tmp_path, "dockerfile")["dockerfile"]
    assert any("CKV_DOCKER_8" in f for f in failed)


@pytest.mark.parametrize("file", DOCKERFILES)
def test_hadolint(file):
    result = subprocess.run([ROOT / "build/python-deploy/bin/hadolint", ROOT / file], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_two_dockerfiles_differ_in_their_role_alone():
    """One is the other with its name, port and words: what is fixed in one is not forgotten in the other."""
    api, function = ((ROOT / f).read_text().splitlines()[1:] for f in DOCKERFILES)
    assert len(api) == len(function)
    different = [(a, b) for a, b in zip(api, function) if a != b]
    told = [(a.replace("api", "ROLE").replace("8000", "PORT"), b.replace("function", "ROLE").replace("8080", "PORT")) for a, b in different
            if "description" not in a]
    assert all(a == b for a, b in told), told
    assert len(different) - len(told) == 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck(script):
    need("shellcheck", "tools/bootstrap deploy installs it where it may")
    result = subprocess.run(["shellcheck", "-x", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
