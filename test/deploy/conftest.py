"""Fixtures of the deploy checks: which tools this machine has, and Terraform against the stand-in provider."""
import os
import pathlib
import shutil
import subprocess

import pytest
from terraform import HostOfProviders, Terraform

ROOT = pathlib.Path(__file__).resolve().parents[2]


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
    probe = subprocess.run(["podman", "info"], capture_output=True, text=True, check=False,
                           env={**os.environ, "STORAGE_DRIVER": "overlay"})
    if probe.returncode:
        pytest.skip(f"podman does not work here: {probe.stderr.strip().splitlines()[-1][:200]}")
