"""The KubeRay manifest: held to the fields of the operator's schema, and its entrypoint to our command line."""

import copy
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from jobs.cli import parse_verb

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "infra" / "kuberay" / "rayjob.yaml"

Schema = dict[str, Any]

STRING: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}
STRINGS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def closed(required: str, **properties: Schema) -> Schema:
    """An object with these fields and no other: the API server prunes unknown ones without a word."""
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


AMOUNTS = {"type": "object", "required": ["cpu", "memory"], "additionalProperties": {"type": "string"}}
CONTAINER = closed(
    "name image resources securityContext",
    name=STRING,
    image=STRING,
    ports={"type": "array", "items": closed("containerPort", containerPort=COUNT, name={"maxLength": 15, **STRING})},
    resources=closed("requests limits", requests=AMOUNTS, limits=AMOUNTS),
    env={"type": "array"},
    envFrom={"type": "array", "items": closed("secretRef", secretRef={"type": "object", "required": ["name"]})},
    securityContext=closed(
        "runAsNonRoot",
        runAsNonRoot={"const": True},
        runAsUser={"type": "integer", "minimum": 1},
        allowPrivilegeEscalation={"const": False},
    ),
    volumeMounts={"type": "array"},
)
TEMPLATE = closed(
    "spec",
    metadata={"type": "object"},
    spec=closed(
        "containers",
        containers={"type": "array", "minItems": 1, "items": CONTAINER},
        volumes={"type": "array"},
        serviceAccountName=STRING,
    ),
)
WORKERS = closed(
    "groupName replicas minReplicas maxReplicas rayStartParams template",
    groupName=STRING,
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    numOfHosts=COUNT,
    idleTimeoutSeconds=COUNT,
    rayStartParams=STRINGS,
    template=TEMPLATE,
)
RAY_CLUSTER = closed(
    "rayVersion headGroupSpec workerGroupSpecs",
    rayVersion=STRING,
    enableInTreeAutoscaling={"type": "boolean"},
    autoscalerOptions={"type": "object"},
    headGroupSpec=closed(
        "rayStartParams template",
        rayStartParams=STRINGS,
        serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
        template=TEMPLATE,
    ),
    workerGroupSpecs={"type": "array", "minItems": 1, "items": WORKERS},
)
RAY_JOB = closed(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=closed("name", name={"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,45}[a-z0-9])?$"}),
    spec=closed(
        "entrypoint rayClusterSpec",
        entrypoint=STRING,
        runtimeEnvYAML=STRING,
        metadata=STRINGS,
        submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
        shutdownAfterJobFinishes={"type": "boolean"},
        ttlSecondsAfterFinished=COUNT,
        backoffLimit=COUNT,
        activeDeadlineSeconds={"type": "integer", "minimum": 1},
        entrypointNumCpus={"type": "number"},
        entrypointNumGpus={"type": "number"},
        suspend={"type": "boolean"},
        submitterPodTemplate={"type": "object"},
        rayClusterSpec=RAY_CLUSTER,
    ),
)
"""What we use of KubeRay's v1 CRD (ray.io_rayjobs.yaml), and its other fields at the same places."""


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return dict(yaml.safe_load(MANIFEST.read_text()))


def problems(manifest: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(RAY_JOB).iter_errors(manifest)]


def containers(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = manifest["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [container for group in groups for container in group["template"]["spec"]["containers"]]


def test_it_is_a_ray_job(manifest: dict[str, Any]) -> None:
    assert problems(manifest) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "ttlSecondsAfterFinnished"), 5),
        (("spec", "rayClusterSpec", "headGroupSpec", "rayStartParams", "num-cpus"), 0),
        (("spec", "backoffLimit"), "3"),
        (("apiVersion",), "ray.io/v1alpha1"),
    ],
)
def test_the_schema_finds_a_mistake(manifest: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    broken = copy.deepcopy(manifest)
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert problems(broken)


def test_its_entrypoint_is_a_command_of_ours(manifest: dict[str, Any]) -> None:
    command, *words = shlex.split(manifest["spec"]["entrypoint"])
    assert command == "ancestral"
    assert parse_verb(words).params["address"] == "auto"


def test_its_settings_are_known(manifest: dict[str, Any]) -> None:
    from jobs.config import load_config
    from pipeline.preparation.config import PrepareConfig

    verb = parse_verb(shlex.split(manifest["spec"]["entrypoint"])[1:])
    assert verb.info_name == "prepare"
    assert load_config(PrepareConfig, sets=verb.params["sets"]).shards.items_per_shard == 64


def test_it_runs_our_image_and_our_ray(manifest: dict[str, Any]) -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert {container["image"] for container in containers(manifest)} == {f"ancestral:{version[1]}"}
    assert f"ray=={manifest['spec']['rayClusterSpec']['rayVersion']}\n" in (ROOT / "constraints.txt").read_text()


def test_what_is_requested_is_what_is_granted(manifest: dict[str, Any]) -> None:
    """Ray sizes itself by the limits: memory that is not there is where pods are killed."""
    for container in containers(manifest):
        assert container["resources"]["requests"] == container["resources"]["limits"]


def test_its_retries_are_worth_it(manifest: dict[str, Any]) -> None:
    spec = manifest["spec"]
    assert spec["backoffLimit"] >= 1
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] > 0
