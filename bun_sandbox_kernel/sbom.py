"""Pure: what the image is made of, as a CycloneDX 1.6 document (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from .image import bun_package, reference
from .resources import DOCKER_CONTEXT

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""As engines name architectures → as Linux does."""


def document(image: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bill of materials of an image, given what ``GET /images/{name}/json`` says of it."""
    name, _, tag = reference().partition(":")
    config = image["Config"]
    facts = {
        "created": image["Created"],
        "size_bytes": image["Size"],
        "architecture": image["Architecture"],
        "user": config["User"],
        **config["Labels"],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "name": name,
                "version": tag,
                "hashes": [{"alg": "SHA-256", "content": image["Id"].removeprefix("sha256:")}],
                "properties": [{"name": fact, "value": str(value)} for fact, value in facts.items()],
            }
        },
        "components": [*_components(_MACHINES[image["Architecture"]])],
    }


def _components(machine: str) -> Iterator[dict[str, Any]]:
    bun = bun_package(machine)
    yield {"type": "application", "description": "runs everything inside", **_npm(bun.name, bun.version, bun.integrity)}
    yield {"type": "library", "name": "glibc", "description": "of the base image"}
    lock = json.loads((DOCKER_CONTEXT / "package-lock.json").read_text("utf-8"))
    for path, entry in lock["packages"].items():
        if path and not entry.get("dev"):
            package = _npm(path.rpartition("node_modules/")[2], entry["version"], entry["integrity"])
            yield {"type": "library", "description": "bundled into the worker", **package}


def _npm(name: str, version: str, integrity: str) -> dict[str, Any]:
    content = base64.b64decode(integrity.removeprefix("sha512-")).hex()
    return {
        "name": name,
        "version": version,
        "purl": f"pkg:npm/{quote(name, safe='/')}@{version}",
        "hashes": [{"alg": "SHA-512", "content": content}],
    }
