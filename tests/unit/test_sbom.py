"""The bill of materials names what the lock file pins, and nothing that only builds or tests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from bun_sandbox_kernel import sbom
from bun_sandbox_kernel.resources import DOCKER_CONTEXT

LOCK: dict[str, Any] = json.loads((DOCKER_CONTEXT / "package-lock.json").read_text("utf-8"))["packages"]


def document(architecture: str = "amd64") -> dict[str, Any]:
    config = {"User": "10001:10001", "Labels": {"io.bun-sandbox.bun": "1.4.5"}}
    image = {"Id": "sha256:00ff", "Created": "2026-01-01T00:00:00Z", "Size": 7, "Architecture": architecture}
    return sbom.document({**image, "Config": config})


def test_it_is_a_cyclonedx_document_of_the_image() -> None:
    made = document()
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    image = made["metadata"]["component"]
    assert image["hashes"] == [{"alg": "SHA-256", "content": "00ff"}]
    assert {"name": "user", "value": "10001:10001"} in image["properties"]
    assert {"name": "io.bun-sandbox.bun", "value": "1.4.5"} in image["properties"]


def test_it_names_all_that_is_bundled_with_its_hash_and_nothing_else() -> None:
    bundled = {path.rpartition("node_modules/")[2] for path, entry in LOCK.items() if path and not entry.get("dev")}
    named = {component["name"]: component for component in document()["components"]}
    assert set(named) == bundled | {"@oven/bun-linux-x64", "glibc"}
    entry = LOCK["node_modules/@babel/parser"]
    digest = base64.b64decode(entry["integrity"].removeprefix("sha512-")).hex()
    assert named["@babel/parser"]["hashes"] == [{"alg": "SHA-512", "content": digest}]
    assert named["@babel/parser"]["purl"] == f"pkg:npm/%40babel/parser@{entry['version']}"


@pytest.mark.parametrize(("architecture", "bun"), [("amd64", "bun-linux-x64"), ("arm64", "bun-linux-aarch64")])
def test_the_bun_is_that_of_the_image(architecture: str, bun: str) -> None:
    assert document(architecture)["components"][0]["name"] == f"@oven/{bun}"
