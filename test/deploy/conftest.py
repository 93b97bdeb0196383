"""Fixtures of the deploy checks: which tools this machine has, and Terraform against the stand-in provider."""
import pathlib
import shutil
import sys

import pytest
from images import BASE, CLOUD_RUN, LIMITS, call, import_base
from terraform import HostOfProviders, Terraform

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test/acceptance"))  # tokens, and a running instance


def need(tool, reason):
    """Skips, saying why, where a tool is missing."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed: {reason}")


@pytest.fixture(scope="session")
def standin():
    """The stand-in provider in a mirror that Terraform installs from; the environment that makes it do so."""
    need("terraform", "no package registry offers it")
    binary, schema = ROOT / "build/deploy/standin", ROOT / "build/deploy/schema.json"
    if not binary.exists() or not schema.exists():
        pytest.skip("the stand-in provider is missing: tools/bootstrap deploy")
    return HostOfProviders(ROOT / "build/deploy/mirror", binary, schema)


@pytest.fixture
def terraform(standin, tmp_path):
    """Makes a copy of deploy/terraform, where nothing of the stand-in can reach the committed files."""
    def start(folder="."):
        return Terraform(standin, tmp_path / "copy", folder)
    return start


@pytest.fixture(scope="session")
def containers():
    """Skips where no container can run: without the tools, or without the rights."""
    for tool in ("podman", "buildah", "runc"):
        need(tool, "tools/bootstrap deploy installs it where it may")
    if not (ROOT / "build/deploy/base.tar").exists():
        pytest.skip("there is no Debian base image: tools/bootstrap deploy")
    try:
        import_base()
        call("podman", "--runtime", "runc", "run", "--rm", *LIMITS, "--pull=never", "--network=none", *CLOUD_RUN, BASE, "true")
    except AssertionError as problem:
        pytest.skip(f"no container can run here: {str(problem)[-400:]}")
