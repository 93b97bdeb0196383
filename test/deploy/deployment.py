"""What Terraform tells the roles: their environment, files and tables, read out of an applied deployment."""
import json

from images import ROOT
from terraform import HostOfProviders, Terraform, resources

SECRET = "k" * 32  # what plays a secret's value


def standin(mirror):
    return HostOfProviders(mirror, ROOT / "build/deploy/standin", ROOT / "build/deploy/schema.json")


class Deployment:
    """examples/ltm, applied to the stand-in's cloud."""

    def __init__(self, host, folder):
        tf = Terraform(host, folder / "copy", "examples/ltm").init()
        tf.apply()
        self.resources = list(resources(json.loads(tf("show", "-json").stdout)["values"]))

    def of(self, kind):
        return [r["values"] for r in self.resources if r["type"] == kind]

    def container(self, service):
        """Arguments, environment and {mount path: [file names]} of a service's container."""
        template = next(s for s in self.of("google_cloud_run_v2_service") if s["name"] == service)["template"][0]
        container = template["containers"][0]
        files = {v["name"]: [i["path"] for i in v["secret"][0]["items"]] for v in template["volumes"] or []}
        return {"args": container["args"] or [], "env": {e["name"]: e["value"] for e in container["env"] or []},
                "mounts": {m["mount_path"]: files[m["name"]] for m in container["volume_mounts"] or []}}

    def push_token(self):
        """What Pub/Sub's pushes to the function say of themselves."""
        token = next(s for s in self.of("google_pubsub_subscription") if s["push_config"])["push_config"][0]["oidc_token"][0]
        return {"serviceAccountEmail": token["service_account_email"], "audience": token["audience"]}

    def tables(self):
        """(dataset, table, columns in BigQuery's own words)."""
        return [(t["dataset_id"], t["table_id"], json.loads(t["schema"])) for t in self.of("google_bigquery_table")]


def options_of(container, folder):
    """podman's options for what Terraform says of a container; `folder` plays Secret Manager."""
    options = [f"--env={name}={value}" for name, value in container["env"].items()]
    for number, (path, files) in enumerate(container["mounts"].items()):
        place = folder / f"secret-{number}"
        place.mkdir(parents=True, exist_ok=True)
        for name in files:
            (place / name).write_text(SECRET, encoding="utf-8")
        options += ["-v", f"{place}:{path}:ro"]
    return options
