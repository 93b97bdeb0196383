"""The command behind tools/run-cloudbuild."""
import argparse
import json
import sys
import tempfile

from cloudbuild import Build, Refused, StepFailed
from images import ROOT
from rehearsal import LOCAL, Rehearsal


def main():
    parser = argparse.ArgumentParser(prog="tools/run-cloudbuild", description="Executes deploy/cloudbuild.yaml on this machine.")
    parser.add_argument("--full", action="store_true",
                        help="compile from source and run all unit tests in the image, as Cloud Build does (an hour on two cores)")
    parser.add_argument("--substitution", action="append", default=[], metavar="_NAME=VALUE")
    parser.add_argument("--volume", action="append", default=[], metavar="HOST:CONTAINER[:OPTIONS]",
                        help="for the builds of images, e.g. certificates of a proxy: /etc/ssl/certs:/etc/ssl/certs:O")
    options = parser.parse_args()
    values = {} if options.full else dict(LOCAL)
    values |= dict(s.split("=", 1) for s in options.substitution)
    with tempfile.TemporaryDirectory(prefix="afluente-delivery-") as folder:
        try:
            build = Build(ROOT / "deploy/cloudbuild.yaml", values)
            with Rehearsal(folder) as rehearsal:
                rehearsal.runner.volumes = options.volume
                rehearsal.runner.run(build)
                for name, service in rehearsal.cloud.services.items():
                    container = service["spec"]["template"]["spec"]["containers"][0]
                    print(f"\nservice {name}: traffic {rehearsal.cloud.traffic(name)}")
                    print(json.dumps({"image": container["image"], "ports": container.get("ports"), "limits": container["resources"]["limits"],
                                      "annotations": service["spec"]["template"]["metadata"]["annotations"]}, indent=2))
        except (Refused, StepFailed) as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


sys.exit(main())
