"""Builds the sandbox's image on a Docker engine, on the official base where a hub is reachable and on ours elsewhere.

Everything here is rare, so it goes through the ``docker`` package.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import docker.errors

from .. import __version__, image
from ..errors import ImageError
from ..policy import SandboxPolicy
from . import Progress, Report
from .docker_api import remedy_for
from .docker_package import translated

if TYPE_CHECKING:
    from docker.api import APIClient


def ensure(client: APIClient, report: Report, policy: SandboxPolicy, *, rebuild: bool = False) -> str:
    """Return the name of the image for the policy, built first where it is missing.

    The plain one is ``bun-sandbox:latest`` too, which docker/docker-compose.yml and docker/scripts/run-sandbox.sh run.
    Raises EngineUnavailable or ImageError.
    """
    name, plain = image.reference(policy), image.reference()
    with translated():
        if rebuild or not exists(client, name):
            if rebuild or not exists(client, plain):
                base = _pulled_base(client, report) or _made_base(client, report)
                _build(client, plain, image.context_archive(), report, {"BASE": base, "VERSION": __version__})
            if name != plain:
                named = " ".join(sorted(policy.image_packages))
                _build(client, name, image.packages_archive(policy), report, {"BASE": plain, "PACKAGES": named})
        if name == plain:
            client.tag(plain, image.REPOSITORY, "latest")
    return name


def exists(client: APIClient, name: str) -> bool:
    """Say whether the engine has an image of that name."""
    return bool(client.images(name, quiet=True))


def inspect(client: APIClient, name: str) -> Mapping[str, Any]:
    """Return the engine's description of the image. Raises ImageError when it is not there."""
    with translated():
        try:
            described: Mapping[str, Any] = client.inspect_image(name)
        except docker.errors.ImageNotFound as error:
            raise ImageError(f"There is no image {name}.", "Run `bun-sandbox image build`.") from error
        return described


def _pulled_base(client: APIClient, report: Report) -> str | None:
    """Return the official image once it is here, or None where no hub is reachable. One that is here is not pulled."""
    base = image.official_base()
    if exists(client, base):
        return base
    report(Progress(f"Pulling {base}"))
    repository, _, tag = base.rpartition(":")
    try:
        client.pull(repository, tag=tag)
    except docker.errors.APIError:
        return None
    return base if exists(client, base) else None  # a pull that breaks off halfway raises nothing


def _made_base(client: APIClient, report: Report) -> str:
    name = image.base_reference()
    if not exists(client, name):
        _build(client, name, image.base_archive(report), report, {})
    client.tag(name, image.BASE_REPOSITORY, "latest")  # for those who build docker/ by hand without a hub
    return name


def _build(client: APIClient, name: str, context: io.BytesIO, report: Report, arguments: Mapping[str, str]) -> None:
    said: list[str] = []
    try:
        for step in client.build(
            fileobj=context,
            custom_context=True,
            tag=name,
            buildargs=dict(arguments),
            rm=True,
            forcerm=True,
            decode=True,
            use_config_proxy=True,
        ):
            line = str(step.get("stream", "")).strip()
            said.append(line)
            if line.startswith("Step "):
                done, _, total = line.split()[1].partition("/")
                report(Progress(f"Building {name}, step {done} of {total}", int(done) / int(total)))
            if "error" in step:
                last_words = " ".join(line for line in said[-6:] if line)
                raise _not_built(name, f"{step['error']} ({last_words[-1000:]})")
    except docker.errors.APIError as error:
        raise _not_built(name, str(error.explanation or error)) from error


def _not_built(name: str, why: str) -> ImageError:
    remedy = remedy_for(why, "Run `bun-sandbox image build` to try again.")
    return ImageError(f"The image {name} could not be built: {why.rstrip('.')}.", remedy)
