"""The files of docs/deploy/kubernetes: they fit Kubernetes' schema and KubeRay's, and say of Tavola what is so. Nothing
here has run on a cluster.

Kubernetes' schema is its own, from the package kubernetes-validate. No package has KubeRay's, so the part of it that
our file uses is written down here, from the definition of RayCluster in KubeRay at commit feeaf72 (August 2026).
`KUBERAY_CRD=…/ray.io_rayclusters.yaml` names the whole of it, and our file is held against that as well."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import typer
import yaml  # type: ignore[import-untyped]

from kit.examples import ROOT
from tavola.cli import app
from tavola.config.settings import Settings
from tavola.edge.app import DRAIN_S

FOLDER = ROOT / "docs" / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
VERSION = "1.34"
SETTINGS = {str(field.alias): field for field in Settings.model_fields.values()}
SECRETS = {
    "tavola": {"DATABASE_URL", "REDIS_URL", "TAVOLA_JWT_SECRET", "TAVOLA_ADMIN_SECRET"},
    "tavola-ray": {"RAY_AUTH_TOKEN"},
}
KUBERAY = os.environ.get("KUBERAY_CRD", "")

TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
NUMBER = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
GROUP = {"rayStartParams": TEXTS, "template": {"type": "object"}}
RAY_CLUSTER = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayCluster"},
        "metadata": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 50}},
        },
        "spec": {
            "type": "object",
            # KubeRay of before 1.4 demands rayStartParams as well.
            "required": ["headGroupSpec"],
            "additionalProperties": False,
            "properties": {
                "rayVersion": {"type": "string"},
                "enableInTreeAutoscaling": {"type": "boolean"},
                "upgradeStrategy": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"type": {"enum": ["Recreate", "None"]}},
                },
                "headGroupSpec": {
                    "type": "object",
                    "required": ["rayStartParams", "template"],
                    "additionalProperties": False,
                    "properties": GROUP,
                },
                "workerGroupSpecs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        # Both bounds: KubeRay refuses a cluster without its autoscaler that lacks one.
                        "required": ["groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"],
                        "additionalProperties": False,
                        "properties": {
                            **GROUP,
                            "groupName": {"type": "string"},
                            "replicas": NUMBER,
                            "minReplicas": NUMBER,
                            "maxReplicas": NUMBER,
                        },
                    },
                },
            },
        },
    },
}


@cache
def documents() -> list[dict[str, Any]]:
    return [each for path in FILES for each in yaml.safe_load_all(path.read_text())]


def named(kind: str, name: str | None = None) -> dict[str, Any]:
    [found] = [each for each in documents() if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return found


def groups() -> list[dict[str, Any]]:
    spec = named("RayCluster")["spec"]
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def pods() -> dict[str, dict[str, Any]]:
    """Component → the template of its pods, as it stands before KubeRay adds to it."""
    templates = [named("Deployment")["spec"]["template"], named("Job")["spec"]["template"]]
    templates += [group["template"] for group in groups()]
    return {each["metadata"]["labels"]["app.kubernetes.io/component"]: each for each in templates}


def containers() -> list[tuple[str, dict[str, Any]]]:
    return [(component, each) for component, pod in pods().items() for each in pod["spec"]["containers"]]


def take(arguments: list[str]) -> None:
    """Fails if the command line has no such command, or it takes no such options."""
    name, *rest = arguments
    group: Any = typer.main.get_command(app)
    group.commands[name].make_context(name, rest)


def strict(schema: Any) -> Any:
    """A schema of Kubernetes', refusing what it does not name, as its server does on request."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(each) for name, each in schema.items()}
    open_to_more = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and not open_to_more:
        found["additionalProperties"] = False
    return found


def in_labels(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    among = selector.get("matchExpressions", [])
    return all(labels.get(name) == value for name, value in wanted) and all(
        labels.get(each["key"]) in each["values"] for each in among
    )


def test_the_files_are_there() -> None:
    assert [path.stem for path in FILES] == ["edges", "migrate", "network-policies", "raycluster", "settings"]
    assert all(each["metadata"]["namespace"] == "tavola" for each in documents() if each["kind"] != "Namespace")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_kubernetes_takes_it(path: Path) -> None:
    for each in yaml.safe_load_all(path.read_text()):
        if each["kind"] != "RayCluster":
            assert kubernetes_validate.validate(each, VERSION, strict=True) == VERSION


def test_kuberay_takes_its_cluster() -> None:
    jsonschema.Draft202012Validator(RAY_CLUSTER).validate(named("RayCluster"))
    for group in groups():
        pod = {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": {"name": "of-a-group"},
            "template": group["template"],
        }
        kubernetes_validate.validate(pod, VERSION, strict=True)


@pytest.mark.parametrize(
    "wrong", ["spec.workerGroupSpec", "spec.headGroupSpec.rayStartParam", "spec.upgradeStrategy.kind"]
)
def test_a_misspelt_field_of_the_cluster_is_found(wrong: str) -> None:
    cluster = deepcopy(named("RayCluster"))
    *way, last = wrong.split(".")
    place = cluster
    for name in way:
        place = place[name]
    place[last] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(RAY_CLUSTER).validate(cluster)


def test_the_whole_definition_takes_it() -> None:
    if not KUBERAY:
        pytest.skip("KUBERAY_CRD names no ray.io_rayclusters.yaml")
    definition = yaml.safe_load(Path(KUBERAY).read_text())
    [version] = [each for each in definition["spec"]["versions"] if each["name"] == "v1"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    jsonschema.Draft202012Validator(schema).validate(named("RayCluster"))


def test_what_is_started_is_there() -> None:
    for _, each in containers():
        take([word.replace("$(POD_IP)", "10.0.0.1") for word in each["args"]])
        probe = each.get("startupProbe", {}).get("exec")
        if probe is not None:
            assert probe["command"][0] == "tavola"
            take(probe["command"][1:])


def test_what_is_set_is_a_setting_and_no_secret() -> None:
    told = named("ConfigMap")["data"]
    assert {name for name in told if name not in SETTINGS} == set()
    assert {name for name in told if name in {*SECRETS["tavola"], *SECRETS["tavola-ray"]}} == set()
    assert all(isinstance(value, str) for value in told.values())
    for _, each in containers():
        sources = [*each.get("envFrom", []), *(one["valueFrom"] for one in each.get("env", []) if "valueFrom" in one)]
        used = {source[kind]["name"] for source in sources for kind in ("secretRef", "secretKeyRef") if kind in source}
        assert used <= {*SECRETS}
        own = {one["name"] for one in each.get("env", [])}
        assert own <= {
            "POD_IP",
            "RAY_ADDRESS",
            "RAY_AUTH_MODE",
            "RAY_AUTH_TOKEN",
        }


def test_the_howto_makes_the_secrets_that_are_named() -> None:
    text = (ROOT / "docs" / "howto" / "kubernetes.md").read_text()
    made = {
        name: set(re.findall(r"--from-literal=(\w+)=", rest))
        for name, rest in re.findall(r"create secret generic (\S+) ((?:.*\\\n)*.*)", text)
    }
    assert made == SECRETS
    assert all(f"{path.name}" in text for path in FILES)
    assert "nobody has run" in text.replace("\n", " ").lower()


def test_ray_is_told_nothing_of_the_databases() -> None:
    """Games run in a node's container, and find no secret of the deployment there."""
    nodes = [each for _, each in containers() if each["args"][0] == "node"]
    assert len(nodes) == 2
    for each in nodes:
        assert "envFrom" not in each
        assert {one["name"]: one.get("value") for one in each["env"]}["RAY_ADDRESS"] == ""
    assert [component for component, each in containers() if each["args"][0] == "steward"] == ["worker"]


@pytest.mark.parametrize("component", ["edge", "migrate", "head", "worker"])
def test_a_pod_may_little(component: str) -> None:
    pod = pods()[component]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"--uid {pod['securityContext']['runAsUser']} " in (FOLDER.parent / "Containerfile").read_text()
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    volumes = {each["name"] for each in pod["volumes"]}
    for each in pod["containers"]:
        may = each["securityContext"]
        assert (may["allowPrivilegeEscalation"], may["readOnlyRootFilesystem"]) == (False, True)
        assert may["capabilities"] == {"drop": ["ALL"]}
        assert {mount["name"] for mount in each["volumeMounts"]} <= volumes
        assert {"/tmp", "/var/lib/tavola"} <= {mount["mountPath"] for mount in each["volumeMounts"]}
        assert {"cpu", "memory"} <= {*each["resources"]["requests"]}
        assert {*each["resources"]["limits"]} == {"memory"}


def test_an_edge_has_the_time_to_drain() -> None:
    pod = pods()["edge"]["spec"]
    [edge] = pod["containers"]
    [_, seconds] = edge["lifecycle"]["preStop"]["exec"]["command"]
    drain_s = int(named("ConfigMap")["data"]["TAVOLA_DRAIN_S"])
    assert pod["terminationGracePeriodSeconds"] > int(seconds) + drain_s + DRAIN_S + 2
    # The Service has ceased to send it anybody before it ceases to listen.
    ready = edge["readinessProbe"]
    assert int(seconds) > ready["periodSeconds"] * ready["failureThreshold"]
    assert {edge[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {"/healthz"}
    assert ready["httpGet"]["path"] == "/readyz"


def test_a_worker_is_drained_before_it_goes() -> None:
    pod = pods()["worker"]["spec"]
    node, steward = (each["lifecycle"]["preStop"]["exec"]["command"] for each in pod["containers"])
    [within] = re.findall(r"--within (\d+) ", steward[-1])
    [waits] = re.findall(r"-ge (\d+);", node[-1])
    take(["drain", "--within", within, "10.0.0.1"])
    assert int(within) < int(waits) < pod["terminationGracePeriodSeconds"] - 75
    [done] = re.findall(r"; touch (\S+)$", steward[-1])
    assert f"test -e {done} " in node[-1]
    assert done.startswith("/var/lib/tavola/")
    [undone] = pod["initContainers"]
    take(["drain", "--undo", "10.0.0.1"])
    assert 'tavola drain --undo "$POD_IP"' in undone["command"][-1]
    for each in (undone, pod["containers"][1]):
        assert "POD_IP" in {one["name"] for one in each["env"]}
        assert {"secretRef": {"name": "tavola"}} in each["envFrom"]


@pytest.mark.parametrize("number", [0, 1])
def test_a_shell_takes_its_last_command(number: int, tmp_path: Path) -> None:
    """With the drain as a program that only says what it was told, in a folder of the test's."""
    (tmp_path / "tavola").write_text('#!/bin/sh\necho "$@" > "$0.told"\nexit 1\n')
    (tmp_path / "tavola").chmod(0o755)
    (tmp_path / "drained").touch()
    command = pods()["worker"]["spec"]["containers"][number]["lifecycle"]["preStop"]["exec"]["command"]
    words = [word.replace("/var/lib/tavola", str(tmp_path)) for word in command]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POD_IP": "10.0.0.1"}
    assert subprocess.run(words, env=environment).returncode == 0
    if number:
        assert (tmp_path / "tavola.told").read_text() == "drain --within 300 10.0.0.1\n"


def test_some_edges_and_workers_stay() -> None:
    deployment, budget = named("Deployment")["spec"], named("PodDisruptionBudget", "tavola-edge")["spec"]
    assert deployment["replicas"] - budget["maxUnavailable"] >= 1
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert in_labels(budget["selector"], pods()["edge"]["metadata"]["labels"])
    [workers] = named("RayCluster")["spec"]["workerGroupSpecs"]
    # Of what is no Deployment Kubernetes takes a number of pods that stay, and nothing else.
    budget = named("PodDisruptionBudget", "tavola-worker")["spec"]
    assert {*budget} == {"minAvailable", "selector"}
    assert budget["minAvailable"] == workers["replicas"] - 1
    service = named("Service")["spec"]
    assert in_labels({"matchLabels": service["selector"]}, pods()["edge"]["metadata"]["labels"])


def test_a_worker_finds_the_head_and_its_own_ray() -> None:
    cluster = named("RayCluster")
    head, worker = pods()["head"]["spec"], pods()["worker"]["spec"]
    port = cluster["spec"]["headGroupSpec"]["rayStartParams"]["port"]
    address = f"{cluster['metadata']['name']}-head-svc:{port}"
    assert f"--port={port}" in head["containers"][0]["args"]
    assert f"--address={address}" in worker["containers"][0]["args"]
    assert named("ConfigMap")["data"]["RAY_ADDRESS"] == address
    assert cluster["metadata"]["annotations"] == {"ray.io/overwrite-container-cmd": "true"}
    assert worker["shareProcessNamespace"] is True
    mounts = [[*map(str, each["volumeMounts"])] for each in worker["containers"]]
    assert mounts[0] == mounts[1]
    assert "/dev/shm" in mounts[0][-1]
    # KubeRay's probes ask what `ray` without extras does not have; so each node has all three of its own.
    for spec in (head, worker):
        node = spec["containers"][0]
        [listens] = [each["containerPort"] for each in node["ports"]]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert node[probe]["tcpSocket"]["port"] == listens
    assert f"ray=={cluster['spec']['rayVersion']}" in (ROOT / "constraints.txt").read_text().splitlines()


def policies() -> list[dict[str, Any]]:
    return [each["spec"] for each in documents() if each["kind"] == "NetworkPolicy"]


def ways(component: str, way: str) -> Iterator[dict[str, Any]]:
    """The rules for pods of a component; `way` is `ingress` or `egress`."""
    cluster = {"ray.io/cluster": "tavola"} if component in ("head", "worker") else {}
    labels = {**pods()[component]["metadata"]["labels"], **cluster}
    for policy in policies():
        if in_labels(policy["podSelector"], labels):
            yield from policy.get(way, [])


def outside(rule: dict[str, Any]) -> bool:
    return any({"namespaceSelector", "ipBlock"} & {*peer} for peer in rule["from"])


def ports(rule: dict[str, Any]) -> list[int]:
    return [each["port"] for each in rule["ports"]]


def test_nothing_is_open_but_8000_of_edges() -> None:
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies()
    for component in pods():
        rules = [*ways(component, "ingress")]
        assert all("from" in rule and "ports" in rule for rule in rules)
        assert [ports(rule) for rule in rules if outside(rule)] == ([[8000]] if component == "edge" else [])
    # The test's own eyes: a rule from elsewhere is seen.
    assert outside({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]})


def test_each_goes_where_it_must_and_no_further() -> None:
    reached = {component: {port for rule in ways(component, "egress") for port in ports(rule)} for component in pods()}
    nodes = {53, 1024}
    databases = {5432, 6379}
    assert reached == {
        "edge": nodes | databases,
        "worker": nodes | databases,
        "head": nodes,
        "migrate": {53} | databases,
    }
    for policy in policies():
        for rule in policy.get("egress", []):
            for each in rule["ports"]:
                assert each["port"] < 1024 or each.get("endPort", each["port"]) <= 65535
                assert each["protocol"] == "TCP" or each["port"] == 53
            for peer in rule["to"]:
                assert "ipBlock" not in peer or ipaddress.ip_network(peer["ipBlock"]["cidr"]).prefixlen == 32


def test_the_howto_s_check_is_the_migration_with_another_command() -> None:
    text = (ROOT / "docs" / "howto" / "kubernetes.md").read_text()
    [command] = re.findall(r"`sed '([^']*)' migrate\.yaml", text)
    written = (FOLDER / "migrate.yaml").read_text()
    for old, new in re.findall(r"s/([^/]*)/([^/]*)/", command):
        assert re.search(old, written)
        written = re.sub(old, new, written)
    job = yaml.safe_load(written)
    assert job["metadata"]["name"] != named("Job")["metadata"]["name"]
    [container] = job["spec"]["template"]["spec"]["containers"]
    take(container["args"])
