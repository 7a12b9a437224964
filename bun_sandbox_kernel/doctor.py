"""What may stand in the way of a sandbox: a list of checks, each with a remedy. Judging is pure, asking is not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import image, kernelspec, standalone
from .admin import AdminPolicy
from .checks import Check
from .engines import EngineInfo
from .engines.docker import DockerEngine
from .engines.docker_api import ENABLE_LIMITS
from .errors import ImageError, PolicyError, SandboxError

Version = tuple[int, ...]

OLDEST_ENGINE: Version = (20, 10)
FIXED_RUNC: Mapping[Version, Version] = {(1, 2): (1, 2, 8), (1, 3): (1, 3, 3)}
"""Release line of runc → the first version without CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881."""
FIXED_ENGINE: Version = (28, 3, 3)
"""The first version without CVE-2025-54388, which opened ports of 127.0.0.1 to the local network."""


def examine(engine: DockerEngine) -> Iterator[Check]:
    """Yield every check; asks the engine, the file system, Jupyter, and the machine's sockets without an engine too."""
    yield check_policy(os.environ)
    try:
        info = engine.check()
        limits = engine.limits()
    except SandboxError as error:
        yield Check("fail", error.message, error.remedy)
        yield standalone.check_ports(standalone.holders({}))
    else:
        yield check_engine(info)
        yield check_runc(info)
        yield check_limits(limits)
        yield _check_image(engine)
        yield from standalone.examine()
    yield _check_kernelspec()


def check_policy(environment: Mapping[str, str]) -> Check:
    """Judge the settings in the environment."""
    try:
        policy = AdminPolicy.read().policy(environment)
        policy.seccomp()
    except PolicyError as error:
        return Check("fail", error.message, error.remedy)
    limits = f"policy: {policy.memory_bytes >> 20} MB, {policy.cpus:g} CPU, {policy.pids} pids"
    if policy.weakened:
        remedy = (
            "Unset BUN_SANDBOX_NETWORK, BUN_SANDBOX_SECCOMP and BUN_SANDBOX_ALLOW_MISSING for a sandbox that is whole."
        )
        return Check("warn", f"{limits}; weakened: {'; '.join(policy.weakened)}", remedy)
    return Check("ok", f"{limits}, seccomp on, no network")


def check_engine(info: EngineInfo) -> Check:
    """Judge the engine's own version."""
    text = f"engine: {info.name} {info.version} at {info.address}"
    version = parse_version(info.version)
    if version < OLDEST_ENGINE:
        return Check("fail", text, f"Install version {_dotted(OLDEST_ENGINE)} or later.")
    if version < FIXED_ENGINE:
        return Check(
            "warn",
            f"{text}: older than {_dotted(FIXED_ENGINE)}, which fixes CVE-2025-54388",
            "Update it, or keep to the Unix socket (the default), which opens no port.",
        )
    return Check("ok", text)


def check_runc(info: EngineInfo) -> Check:
    """Judge the low-level runtime, which is what holds a container."""
    found = info.components.get("runc")
    if found is None:
        return Check("warn", "runtime: not runc, unknown to this check", "Make sure that it is up to date.")
    version = parse_version(found)
    fixed = FIXED_RUNC.get(version[:2])
    if version >= max(FIXED_RUNC.values()) or (fixed is not None and version >= fixed):
        return Check("ok", f"runtime: runc {found}")
    wanted = " or ".join(_dotted(version) for version in FIXED_RUNC.values())
    return Check(
        "warn",
        f"runtime: runc {found} is older than {wanted}, which fix CVE-2025-31133, -52565 and -52881",
        "Update runc, unless your distribution has put the fixes into this version.",
    )


def check_limits(limits: Mapping[str, Any]) -> Check:
    """Judge whether the engine can apply the limits, from its answer to ``GET /info``."""
    wanted = {
        "MemoryLimit": "memory",
        "SwapLimit": "swap",
        "CpuCfsQuota": "CPU",
        "PidsLimit": "pids",
    }
    missing = [name for field, name in wanted.items() if not limits.get(field)]
    if not any("seccomp" in option for option in limits.get("SecurityOptions") or []):
        missing.append("seccomp")
    if missing:
        return Check(
            "fail",
            f"limits: the engine cannot limit {', '.join(missing)}",
            ENABLE_LIMITS,
        )
    return Check("ok", f"limits: memory, swap, CPU, pids and seccomp (cgroup v{limits.get('CgroupVersion', '?')})")


def parse_version(text: str) -> Version:
    """``"1.1.5+ds1"`` → ``(1, 1, 5)``."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _check_image(engine: DockerEngine) -> Check:
    try:
        found = engine.inspect_image()
    except ImageError:
        return Check(
            "warn", f"image: {image.reference()} is not built yet", "Run `bun-sandbox image build`; a kernel does too."
        )
    return Check("ok", f"image: {image.reference()}, {found['Size'] / 1e6:.0f} MB")


def _check_kernelspec() -> Check:
    folder = kernelspec.find()
    if folder is None:
        return Check("fail", "kernelspec: Jupyter does not find the kernel", "Run `bun-sandbox install --user`.")
    return Check("ok", f"kernelspec: {folder}")


def _dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)
