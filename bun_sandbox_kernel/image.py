"""The sandbox's image: its name, and how it is built with a hub or without one.

Law: the tag is made of the package's version and a hash of all that goes in, so an upgrade never runs a stale image.
What is downloaded is checked against the sha512 in ``docker/package-lock.json``.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import platform
import re
import ssl
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from platformdirs import user_cache_path

from . import __version__, packages
from .engines import Progress, Report
from .errors import ImageError
from .policy import SandboxPolicy
from .resources import DOCKER_CONTEXT

REPOSITORY = "bun-sandbox"
BASE_REPOSITORY = f"{REPOSITORY}-base"
_CONTEXT_FILES = ("Dockerfile", "package.json", "package-lock.json")
_BUN_PACKAGES = {"x86_64": "@oven/bun-linux-x64", "aarch64": "@oven/bun-linux-aarch64"}
_C_LIBRARY = ("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2")
_OF_ADD_ONS = ("librt.so.1", "libgcc_s.so.1", "libstdc++.so.6")
"""What add-ons of packages are linked with, in Rust and in C++; put in where the machine has it."""
_LOADERS = {"x86_64": "lib64/ld-linux-x86-64.so.2", "aarch64": "lib/ld-linux-aarch64.so.1"}
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_BASE_DOCKERFILE = b"FROM scratch\nCOPY rootfs /\n"
_PACKAGES_DOCKERFILE = b"""ARG BASE
FROM ${BASE} AS packages
USER 0:0
WORKDIR /build
COPY . ./
RUN ["/usr/local/bin/bun", "install", "--ignore-scripts"]

FROM ${BASE}
ARG PACKAGES
LABEL io.bun-sandbox.packages="${PACKAGES}"
COPY --from=packages /build/node_modules /node_modules
"""


class Package(NamedTuple):
    """One package as the lock file pins it; ``integrity`` is ``sha512-`` and base64."""

    name: str
    version: str
    integrity: str


def reference(policy: SandboxPolicy | None = None) -> str:
    """Return the image's full name, for example ``bun-sandbox:0.1.0-1a2b3c4d5e6f``.

    One with packages of the policy has another 12 digits behind it.
    """
    digest = hashlib.sha256(" ".join((*_C_LIBRARY, *_OF_ADD_ONS)).encode())
    for name, content in context_files():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    name = f"{REPOSITORY}:{__version__}-{digest.hexdigest()[:12]}"
    if policy is None or not policy.image_packages:
        return name
    files = repr(sorted(_packages_files(policy).items())).encode()
    return f"{name}-{hashlib.sha256(files).hexdigest()[:12]}"


def packages_archive(policy: SandboxPolicy) -> io.BytesIO:
    """Return the context of an image that holds the policy's packages below /node_modules, built on the plain one."""
    return _archive(_packages_files(policy).items())


def _packages_files(policy: SandboxPolicy) -> dict[str, bytes]:
    return {
        "Dockerfile": _PACKAGES_DOCKERFILE,
        "package.json": packages.manifest(policy.image_packages).encode(),
        "bunfig.toml": packages.bunfig(policy).encode(),
    }


_TEST_SUFFIXES = (".test.ts", ".harness.ts")


def official_base() -> str:
    """Return the pinned official image that the Dockerfile names as its base."""
    text = (DOCKER_CONTEXT / "Dockerfile").read_text("utf-8")
    match = re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    if match is None:
        raise ImageError("docker/Dockerfile names no base image.", "Reinstall the package.")
    return match[1]


def context_files() -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file that the Dockerfile copies, in a fixed order."""
    sources = (path for path in DOCKER_CONTEXT.glob("src/**/*.ts") if not path.name.endswith(_TEST_SUFFIXES))
    for path in (*(DOCKER_CONTEXT / name for name in _CONTEXT_FILES), *sorted(sources)):
        yield path.relative_to(DOCKER_CONTEXT).as_posix(), path.read_bytes()


def context_archive() -> io.BytesIO:
    """Return the build context as the tar archive that the engine takes."""
    return _archive(context_files())


def bun_package(machine: str | None = None) -> Package:
    """Return the pinned package that carries the bun binary for a machine. Raises ImageError."""
    machine = machine or platform.machine()
    name = _BUN_PACKAGES.get(machine)
    lock = json.loads((DOCKER_CONTEXT / "package-lock.json").read_text("utf-8"))
    entry = lock["packages"].get(f"node_modules/{name}")
    if name is None or entry is None:
        raise ImageError(f"There is no Bun for a {machine} machine.", "Use x86_64 or aarch64.")
    return Package(name, entry["version"], entry["integrity"])


def base_reference() -> str:
    """Return the full name of the base image that is made here, for example ``bun-sandbox-base:1.4.5-1a2b3c4d``."""
    digest = hashlib.sha256(" ".join((*_C_LIBRARY, *_OF_ADD_ONS)).encode()).hexdigest()
    return f"{BASE_REPOSITORY}:{bun_package().version}-{digest[:8]}"


def base_archive(report: Report) -> io.BytesIO:
    """Return the context of a base image made of Bun's npm package and this machine's C library.

    Downloads about 40 MB unless they are in the cache. Raises ImageError.
    """
    package = bun_package()
    with tarfile.open(fileobj=io.BytesIO(fetch(package, report))) as archive:
        member = cast("io.BufferedReader", archive.extractfile("package/bin/bun"))
        bun = member.read()
    files = {"rootfs/usr/local/bin/bun": bun, "Dockerfile": _BASE_DOCKERFILE}
    files.update((f"rootfs/{target}", path.read_bytes()) for target, path in _host_files())
    return _archive(files.items(), executable=True)


def _host_files() -> Iterator[tuple[str, Path]]:
    machine = platform.machine()
    loader = Path("/", _LOADERS[machine])
    folder = f"lib/{machine}-linux-gnu"
    places = (Path("/", folder), Path("/usr", folder), Path("/lib64"), Path("/usr/lib64"), Path("/usr/lib"))
    libraries = [(f"{folder}/{name}", _first(place / name for place in places)) for name in _C_LIBRARY]
    found = ((f"{folder}/{name}", _first(place / name for place in places)) for name in _OF_ADD_ONS)
    yield from ((target, path) for target, path in found if path is not None)
    for target, path in ((_LOADERS[machine], loader if loader.exists() else None), *libraries):
        if path is None:
            raise ImageError(
                f"This machine has no glibc to put into the image: /{target} is missing.",
                f"Build where {official_base()} can be pulled, or on a machine with glibc.",
            )
        yield target, path
    certificates = _first(Path("/", name) for name in (_CERTIFICATES, "etc/pki/tls/certs/ca-bundle.crt"))
    if certificates is not None:
        yield _CERTIFICATES, certificates


def fetch(package: Package, report: Report) -> bytes:
    """Return the package's tarball, from the cache or the npm registry, checked. Raises ImageError."""
    cached = user_cache_path("bun-sandbox") / f"{package.name.rpartition('/')[2]}-{package.version}.tgz"
    if cached.exists() and _is_intact(content := cached.read_bytes(), package):
        return content
    content = _download(package, report)
    if not _is_intact(content, package):
        raise ImageError(
            f"{package.name} {package.version} from the npm registry is not the package that is pinned "
            f"({len(content)} bytes, sha512 differs).",
            "Do not use this registry; check NPM_CONFIG_REGISTRY.",
        )
    with suppress(OSError):  # a cache that cannot be written costs the next build a download, and nothing else
        cached.parent.mkdir(parents=True, exist_ok=True)
        temporary = cached.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(content)
        temporary.replace(cached)
    return content


def _download(package: Package, report: Report) -> bytes:
    import httpx

    registry = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")
    url = f"{registry}/{package.name}/-/{package.name.rpartition('/')[2]}-{package.version}.tgz"
    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=30, follow_redirects=True, verify=ssl.create_default_context()) as answer:
            answer.raise_for_status()
            total = int(answer.headers.get("content-length", 0))
            for chunk in answer.iter_bytes():
                content += chunk
                done = f"Downloading Bun {package.version}: {len(content) / 1e6:.0f} MB"
                report(Progress(done, len(content) / total if total else None))
    except (httpx.HTTPError, OSError) as error:
        raise ImageError(
            f"Neither {official_base()} nor {package.name} {package.version} can be downloaded: {error}.",
            "Connect to the network or set NPM_CONFIG_REGISTRY to a registry that is reachable.",
        ) from error
    return bytes(content)


def _is_intact(content: bytes, package: Package) -> bool:
    return package.integrity == "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def _first(paths: Iterator[Path]) -> Path | None:
    return next((path for path in paths if path.exists()), None)


def _archive(files: Any, *, executable: bool = False) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o755 if executable else 0o644
            archive.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    return buffer
