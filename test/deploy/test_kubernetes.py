"""deploy/kubernetes: valid by Kubernetes' own schemas, hardened, and the same service as on Cloud Run."""
import copy

import kubernetes_validate
import pytest
import yaml
from images import ROOT

FOLDER = ROOT / "deploy/kubernetes"
ROLES = {"api": 8000, "function": 8080, "ingest": 8090, "proxy": 8080}
VERSIONS = ["1.30", "1.33"]
DOCUMENTS = [(path.stem, document) for path in sorted(FOLDER.glob("*.yaml")) for document in yaml.safe_load_all(path.read_text())]


def of(role, kind):
    return next(d for name, d in DOCUMENTS if name == role and d["kind"] == kind)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name,document", DOCUMENTS, ids=[f"{n}-{d['kind']}" for n, d in DOCUMENTS])
def test_is_valid(name, document, version):
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("change", [
    lambda d: d["spec"]["template"]["spec"]["containers"][0].update(imagePullPolice="Always"),
    lambda d: d["spec"]["template"]["spec"]["containers"][0]["ports"][0].update(containerPort="eight thousand"),
    lambda d: d["spec"].pop("selector"),
], ids=["misspelt", "wrong type", "missing"])
def test_the_validator_refuses_mistakes(change):
    document = copy.deepcopy(of("api", "Deployment"))
    change(document)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSIONS[0], strict=True)


@pytest.mark.parametrize("role", ROLES)
def test_is_hardened_and_whole(role):
    deployment = of(role, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "2Gi"}
    assert container["args"] == [role] and {"name": "PORT", "value": str(ROLES[role])} in container["env"]
    port = {p["name"]: p["containerPort"] for p in container["ports"]}
    assert port == {"http": ROLES[role]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}
    # SIGTERM comes after the pause and is answered within 10 s.
    assert pod["terminationGracePeriodSeconds"] > container["lifecycle"]["preStop"]["sleep"]["seconds"] + 10
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for kind, path in {"Service": ["selector"], "PodDisruptionBudget": ["selector", "matchLabels"],
                       "NetworkPolicy": ["podSelector", "matchLabels"]}.items():
        selector = of(role, kind)["spec"]
        for key in path:
            selector = selector[key]
        assert selector.items() <= labels.items()
    assert of(role, "NetworkPolicy")["spec"]["ingress"][0]["ports"] == [{"port": ROLES[role]}]
    assert of(role, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == role


def test_mqtt_is_tls_only_and_keeps_its_sessions():
    pod = of("mqtt", "StatefulSet")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["args"][0] == "ingest" and "--mqtts-listen" in container["args"] and "--mqtt-listen" not in container["args"]
    assert container["args"][container["args"].index("--data-dir") + 1] in [m["mountPath"] for m in container["volumeMounts"]]
    assert container["securityContext"]["readOnlyRootFilesystem"] and pod["securityContext"]["runAsNonRoot"]
    assert of("mqtt", "StatefulSet")["spec"]["replicas"] == 1
    assert of("mqtt", "Service")["spec"]["type"] == "LoadBalancer"


def test_a_puller_is_told_to_pull():
    container = of("puller", "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["function", "--pull"]
    assert not [e for e in container["env"] if e["name"].startswith("AFLUENTE_PUSH_")]
    assert of("puller", "NetworkPolicy")["spec"]["ingress"] == []


def test_the_api_asks_bigquery():
    container = of("api", "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "AFLUENTE_WAREHOUSE", "value": "bigquery"} in container["env"]
