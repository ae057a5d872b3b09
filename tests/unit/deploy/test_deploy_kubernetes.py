"""The Kubernetes files: valid against the published schemas, complete, and a DMZ."""

import re
from collections.abc import Callable
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from broker_topology.topology import queue_name
from common.channels import FACTS, Channel, Priority
from tests.support.deployments import KUBERNETES, kustomization, manifests, of_kind, pods

VERSIONS = ["1.29", "1.37"]  # preStop, endPort and unhealthyPodEvictionPolicy are older than both
# What KEDA and the RabbitMQ operator require, whose schemas come with no package; all other fields
# that we use, so that a misspelt one is noticed.
CUSTOM: dict[str, dict[str, set[str]]] = {
    "rabbitmq.com/v1beta1 RabbitmqCluster": {
        "must": {"replicas", "image", "persistence"},
        "may": {"resources", "rabbitmq", "affinity"},
    },
    "keda.sh/v1alpha1 ScaledObject": {
        "must": {"scaleTargetRef", "triggers"},
        "may": {"minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod"},
    },
    "keda.sh/v1alpha1 TriggerAuthentication": {"must": {"secretTargetRef"}, "may": set()},
}


def title(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


def kind(manifest: dict[str, Any]) -> str:
    return f"{manifest['apiVersion']} {manifest['kind']}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "manifest",
    [one for one in manifests() + manifests(applied=False) if kind(one) not in CUSTOM],
    ids=title,
)
def test_manifest_is_valid(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_would_be_noticed() -> None:
    service = of_kind("Service")[0]
    service["spec"]["selectors"] = service["spec"].pop("selector")
    with pytest.raises(kubernetes_validate.ValidationError, match="selectors"):
        kubernetes_validate.validate(service, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("manifest", [one for one in manifests() if kind(one) in CUSTOM], ids=title)
def test_custom_object_has_the_fields_it_must_have(manifest: dict[str, Any]) -> None:
    fields = CUSTOM[kind(manifest)]
    given = set(manifest["spec"])
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    assert fields["must"] <= given <= fields["must"] | fields["may"]


def test_kustomization_names_every_file() -> None:
    document = kustomization()
    named = {*document["resources"], "kustomization.yaml", "secrets.example.yaml"}
    named |= {file for one in document["configMapGenerator"] for file in one["envs"]}
    assert named == {file.name for file in KUBERNETES.iterdir()}


def test_names_are_unique() -> None:
    names = [title(one) for one in manifests()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted(pods()))
def test_pod_meets_the_restricted_profile(name: str) -> None:
    spec = pods()[name]["spec"]
    (container,) = spec["containers"]
    assert spec["enableServiceLinks"] is False
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("maker", of_kind("Deployment"), ids=title)
def test_deployment_is_probed_and_protected(maker: dict[str, Any]) -> None:
    labels = maker["spec"]["template"]["metadata"]["labels"]
    assert maker["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (container,) = maker["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}
    (budget,) = [
        one
        for one in of_kind("PodDisruptionBudget")
        if one["metadata"]["name"] == maker["metadata"]["name"]
    ]
    assert budget["spec"]["selector"]["matchLabels"] == maker["spec"]["selector"]["matchLabels"]


def test_services_reach_a_port_of_a_pod() -> None:
    for service in of_kind("Service"):
        selector = service["spec"]["selector"]
        chosen = [
            pod for pod in pods().values() if selector.items() <= pod["metadata"]["labels"].items()
        ]
        ports = {port["name"] for pod in chosen for port in pod["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} == ports


@pytest.mark.parametrize("channel", list(Channel))
def test_sender_is_scaled_by_the_length_of_its_queues(channel: Channel) -> None:
    name = f"gateway-sender-{channel}"
    (scaled,) = [one for one in of_kind("ScaledObject") if one["metadata"]["name"] == name]
    spec = scaled["spec"]
    assert spec["scaleTargetRef"] == {"name": name}
    assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
    (deployment,) = [one for one in of_kind("Deployment") if one["metadata"]["name"] == name]
    assert "replicas" not in deployment["spec"]
    queues = {one["metadata"]["queueName"] for one in spec["triggers"]}
    assert queues == {queue_name(channel, priority) for priority in Priority}
    for trigger in spec["triggers"]:
        assert set(trigger) == {"type", "metadata", "authenticationRef"}
        assert trigger["type"] == "rabbitmq"
        assert trigger["authenticationRef"] == {"name": name}
        assert set(trigger["metadata"]) == {"protocol", "mode", "queueName", "value"}
        assert trigger["metadata"]["mode"] == "QueueLength"
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
    (login,) = [one for one in of_kind("TriggerAuthentication") if one["metadata"]["name"] == name]
    (host,) = login["spec"]["secretTargetRef"]
    (secret,) = [one for one in manifests(applied=False) if one["metadata"]["name"] == host["name"]]
    assert host["parameter"] == "host"
    assert host["key"] in secret["stringData"]


def test_senders_differ_in_their_channel_alone() -> None:
    def form(channel: Channel) -> str:
        text = (KUBERNETES / f"sender-{channel}.yaml").read_text()
        for own, word in (
            *((rf".*{name.upper()}_FILE.*\n", "") for name in FACTS[channel].also_secret),
            (rf"(?i){FACTS[channel].credential}", "SECRET"),
            (str(channel), "CHANNEL"),
            (r"provider: \w+", "provider: PROVIDER"),
            (r"maxReplicaCount: \d+", "maxReplicaCount: N"),
            (r'value: "\d+"', "value: N"),
            (r"  # .*\n", ""),
        ):
            text = re.sub(own, word, text)
        return text

    assert len({form(channel) for channel in Channel}) == 1


def rules(pod: dict[str, str], way: str) -> list[dict[str, Any]]:
    """The rules of all network policies that let this pod's traffic pass in one direction."""
    return [
        rule
        for policy in of_kind("NetworkPolicy")
        if policy["spec"]["podSelector"].get("matchLabels", {}).items() <= pod.items()
        for rule in policy["spec"].get(way, [])
    ]


def ports_to(pod: dict[str, str], is_wanted: Callable[[dict[str, Any]], bool]) -> set[Any]:
    """Ports on which a pod may call the peers that are wanted."""
    return {
        port["port"]
        for rule in rules(pod, "egress")
        for peer in rule.get("to", [{}])
        if is_wanted(peer)
        for port in rule["ports"]
    }


def is_internet(peer: dict[str, Any]) -> bool:
    return peer == {} or peer.get("ipBlock", {}).get("cidr", "") in ("0.0.0.0/0", "::/0")


def is_broker(peer: dict[str, Any]) -> bool:
    labels = {"app.kubernetes.io/name": "broker"}
    return bool(peer.get("podSelector", {}).get("matchLabels") == labels)


def is_api(peer: dict[str, Any]) -> bool:
    labels = {"app.kubernetes.io/name": "gateway-api"}
    return bool(peer.get("podSelector", {}).get("matchLabels") == labels)


def is_redis(peer: dict[str, Any]) -> bool:
    labels = {"app.kubernetes.io/name": "redis"}
    return bool(peer.get("podSelector", {}).get("matchLabels") == labels)


def is_store(peer: dict[str, Any]) -> bool:
    labels = {"app.kubernetes.io/name": "database"}
    return bool(peer.get("podSelector", {}).get("matchLabels") == labels)


def test_everything_is_denied_unless_allowed() -> None:
    (deny,) = [one for one in of_kind("NetworkPolicy") if one["metadata"]["name"] == "default-deny"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("name", sorted(pods()))
def test_network_policies_draw_the_dmz(name: str) -> None:
    labels = pods()[name]["metadata"]["labels"]
    outside = {"email": {465, 587}, "telegram": {443}, "vk": {443}, "webhook": {443}}
    of_broker = {"gateway-schema": set(), "gateway-console": {5672, 15672}}
    assert ports_to(labels, is_broker) == of_broker.get(name, {5672})
    assert ports_to(labels, is_api) == ({8080} if name == "gateway-console" else set())
    of_store = {"gateway-api", "gateway-console", "gateway-journal", "gateway-schema"}
    assert ports_to(labels, is_store) == ({5432} if name in of_store else set())
    assert ports_to(labels, is_redis) == ({6379} if name == "gateway-api" else set())
    assert ports_to(labels, is_internet) == outside.get(name.rpartition("-")[2], set())
    from_anywhere = [rule["ports"] for rule in rules(labels, "ingress") if "from" not in rule]
    is_door = name == "gateway-api"
    assert from_anywhere == ([[{"protocol": "TCP", "port": "http"}]] if is_door else [])


def test_redis_is_reached_by_the_api_alone_and_calls_nobody() -> None:
    redis = {"app.kubernetes.io/name": "redis"}
    [rule] = rules(redis, "ingress")
    assert rule == {
        "from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway-api"}}}],
        "ports": [{"protocol": "TCP", "port": 6379}],
    }
    assert ports_to(redis, is_broker) == ports_to(redis, is_store) == set()
    assert ports_to(redis, is_internet) == set()


def test_broker_is_reached_by_the_gateway_and_its_keepers_alone() -> None:
    broker = {"app.kubernetes.io/name": "broker"}
    assert ports_to(broker, is_internet) == set()
    peers = [peer for rule in rules(broker, "ingress") for peer in rule["from"]]
    assert {str(peer) for peer in peers} == {
        str({"podSelector": {"matchLabels": {"gateway/uses-broker": "true"}}}),
        str({"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway-console"}}}),
        str({"podSelector": {"matchLabels": broker}}),
        str({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}),
        str({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}),
    }
