"""Documents and examples say what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from bun_sandbox_kernel import __version__, errors, image, outputs, packages
from bun_sandbox_kernel.admin import AdminPolicy
from bun_sandbox_kernel.policy import SandboxPolicy, parse_bytes
from scripts import settings_tables

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_settings_says_what_the_policy_says() -> None:
    page = settings_tables.PAGE.read_text("utf-8")
    assert page == settings_tables.written(page), "run `python scripts/settings_tables.py`"


def prose(page: str) -> str:
    return " ".join((ROOT / "docs" / page).read_text("utf-8").split())


def failures() -> Iterator[tuple[str, str]]:
    """Yield the error and the longest fixed part of each message that does not explain its own usage."""
    itself = {"UsageError", "FileError", "PeerError"}
    names = {name for name, value in vars(errors).items() if isinstance(value, type)} - itself
    for path in sorted((ROOT / "bun_sandbox_kernel").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            match call:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant() | ast.JoinedStr() as message, *_]):
                    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
                    if name in names:
                        yield name, longest(str(part.value) for part in parts if isinstance(part, ast.Constant))
    for _, cause, _ in packages._CAUSES:
        yield "InstallFailed", longest(re.split(r"\{\w+\}", cause))


def longest(parts: Iterable[str]) -> str:
    return max(parts, key=len).strip(" .:(/\"'")


def test_every_failure_that_a_user_may_meet_is_explained() -> None:
    page = prose("troubleshooting.md")
    missing = [f"{name}: {said}" for name, said in failures() if said not in page or name not in page]
    assert not missing
    assert all(ename in page for ename in outputs.ENAMES.values())


@pytest.mark.parametrize("page", ["configuration.md", "jupyterhub.md", "packages.md"])
def test_a_policy_file_on_a_page_is_one(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        file = tmp_path / "policy.toml"
        file.write_text(block, "utf-8")
        AdminPolicy.read(file).policy({})


def test_the_pod_asks_for_what_a_kernel_asks_for() -> None:
    documents = list(yaml.safe_load_all((ROOT / "docs/operating/kubernetes.yaml").read_text("utf-8")))
    pod = next(document for document in documents if document["kind"] == "Pod")["spec"]
    (container,) = pod["containers"]
    policy = SandboxPolicy()
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (policy.uid, policy.uid)
    assert pod["securityContext"]["seccompProfile"]["type"] == "Localhost"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
    }
    limits = container["resources"]["limits"]
    assert parse_bytes(f"{limits['memory']}B") == policy.memory_bytes
    assert limits["cpu"] == f"{policy.cpus * 1000:g}m"
    sizes = {volume["name"]: parse_bytes(f"{volume['emptyDir']['sizeLimit']}B") for volume in pod["volumes"]}
    assert {mount["mountPath"]: sizes[mount["name"]] for mount in container["volumeMounts"]} == {
        "/tmp": policy.tmp_bytes,
        "/sandbox/code": policy.code_bytes,
        "/dev/shm": policy.shm_bytes,
    }
    network = next(document for document in documents if document["kind"] == "NetworkPolicy")["spec"]
    assert network["policyTypes"] == ["Ingress", "Egress"]
    assert network["egress"] == []


def test_the_alerts_are_about_the_image_that_is_built() -> None:
    rules = yaml.safe_load((ROOT / "docs/operating/falco_rules.yaml").read_text("utf-8"))
    macros = {entry["macro"]: entry["condition"] for entry in rules if "macro" in entry}
    assert f"container.image.repository endswith {image.REPOSITORY})" in macros["bun_sandbox"]
    alerts = {entry["rule"]: entry for entry in rules if "rule" in entry}
    assert all({"desc", "condition", "output", "priority"} <= alert.keys() for alert in alerts.values())
    assert all(alert["condition"].startswith("bun_sandbox and ") for alert in alerts.values())
    assert all(any(rule.startswith(name) for rule in alerts) for name in documented_alerts())
    assert len(documented_alerts()) == len(alerts)


def documented_alerts() -> list[str]:
    section = (ROOT / "docs/operating.md").read_text("utf-8").split("| rule | what it means |")[1].split("\n\n")[0]
    return re.findall(r"^\| ([A-Z][^|]+?) \|", section, re.MULTILINE)


def test_a_citation_names_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["version"] == __version__
