"""Terraform as a user would run it, with the stand-in for Google's provider and a folder for Google's cloud."""
import json
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = "8.0.0"


def run(command, cwd, environment, accept=(0,)):
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=580, check=False)
    assert accept is None or result.returncode in accept, (
        f"{' '.join(map(str, command))}: exit code {result.returncode}\n{result.stdout[-6000:]}\n{result.stderr[-6000:]}")
    return result


def resources(values):
    """Every managed resource of a plan's or a state's values."""
    def walk(module):
        yield from module.get("resources", [])
        for child in module.get("child_modules", []):
            yield from walk(child)
    return [r for r in walk(values["root_module"]) if r["mode"] == "managed"]


class HostOfProviders:
    """A mirror on disk that holds the stand-in under the address where Terraform looks for google."""

    def __init__(self, mirror, binary, schema):
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "GOOGLE_", "CLOUDSDK_"))}
        shutil.rmtree(mirror, ignore_errors=True)
        mirror.mkdir(parents=True)
        settings = mirror / "terraform.rc"
        settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
        self.environment |= {"TF_CLI_CONFIG_FILE": str(settings), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0",
                             "CHECKPOINT_DISABLE": "1", "AFLUENTE_STANDIN_SCHEMA": str(schema.resolve())}
        probe = mirror / "probe"
        probe.mkdir()
        (probe / "main.tf").write_text('terraform {\n  required_providers {\n    google = { source = "hashicorp/google" }\n  }\n}\n')
        listing = run(["terraform", "providers"], probe, self.environment).stdout
        address = re.search(r"provider\[([^\]]+)\]", listing).group(1)
        self.environment["AFLUENTE_STANDIN_ADDRESS"] = address
        place = mirror / address / VERSION / "linux_amd64"
        place.mkdir(parents=True)
        shutil.copy2(binary, place / f"terraform-provider-google_v{VERSION}")


class Terraform:
    """One copy of deploy/terraform and examples/, its own state and its own cloud."""

    def __init__(self, host, copy, folder="."):
        self.copy = copy
        hidden = shutil.ignore_patterns(".terraform*", "*.tfstate*")
        shutil.copytree(ROOT / "deploy/terraform", copy / "deploy/terraform", ignore=hidden)
        shutil.copytree(ROOT / "examples", copy / "examples")
        self.folder = copy / "deploy/terraform" / folder
        self.world = copy / "world"
        self.environment = {**host.environment, "AFLUENTE_STANDIN_WORLD": str(self.world)}

    def __call__(self, *command, accept=(0,)):
        return run(["terraform", *command], self.folder, self.environment, accept)

    def init(self):
        self("init", "-backend=false", "-no-color")
        return self

    def apply(self, *options):
        return self("apply", "-auto-approve", "-no-color", *options)

    def plan(self, *options):
        """The plan as JSON: what Terraform would do."""
        self("plan", "-out=plan", "-no-color", *options)
        return json.loads(self("show", "-json", "plan").stdout)

    def changes(self, *options):
        """Address -> actions of all that is not as it should be."""
        return {c["address"]: c["change"]["actions"] for c in self.plan(*options)["resource_changes"]
                if c["change"]["actions"] not in (["no-op"], ["read"])}

    def edit(self, path, old, new):
        """Changes a file of the copy; the text must be there exactly once."""
        file = self.copy / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def in_the_cloud(self, resource, **known):
        """The one resource of a kind that has these values: (its file, its values)."""
        found = []
        for file in self.world.glob(f"{resource}.*.json"):
            values = json.loads(file.read_text(encoding="utf-8"))
            if all(values.get(k) == v for k, v in known.items()):
                found.append((file, values))
        assert len(found) == 1, f"{len(found)} {resource} with {known}"
        return found[0]

    def by_hand(self, resource, change, **known):
        """Does what a person with the console would: changes a resource behind Terraform's back."""
        file, values = self.in_the_cloud(resource, **known)
        change(values)
        file.write_text(json.dumps(values), encoding="utf-8")
