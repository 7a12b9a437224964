"""Where the files lie that are not Python: in the checkout beside the package, in the wheel inside it."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent

DOCKER_CONTEXT = _ROOT / "docker"
"""The Dockerfile and what it copies."""
SECCOMP_PROFILE = _ROOT / "seccomp-profile.json"
KERNELSPEC = _ROOT / "kernelspec"
"""kernel.json and the logos."""
