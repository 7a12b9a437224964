"""``bun-sandbox``: the command line. It declares options and prints; the verbs live elsewhere and are imported late."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from . import __version__
from .errors import SandboxError

if TYPE_CHECKING:
    from .engines import Progress, Report
    from .engines.docker import DockerEngine
    from .policy import SandboxPolicy

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


class _Group(click.Group):
    """Shows our errors as one sentence, not as a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SandboxError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bun-sandbox")
def main() -> None:
    """Run TypeScript of strangers in a hardened container, from Jupyter or from here."""


@main.command()
def doctor() -> None:
    """Check everything that a sandbox needs, and say what to do about the rest."""
    from .doctor import examine

    worst = 0
    for check in examine(_engine()):
        mark, color = _MARKS[check.status]
        click.echo(f"{click.style(mark, fg=color, bold=True)} {check.text}")
        if check.remedy:
            click.echo(f"  → {check.remedy}")
        worst = max(worst, int(check.status == "fail"))
    sys.exit(worst)


@main.group()
def image() -> None:
    """Build or look at the image that sandboxes run."""


@image.command("build")
@click.option("--force", is_flag=True, help="Build even where the image is there.")
@click.option("--with", "packages", metavar="NAME,…", help="Put these npm packages in, for every sandbox to import.")
def image_build(*, force: bool, packages: str | None) -> None:
    """Build the image, on the official Bun image where a hub is reachable, from Bun's npm package elsewhere.

    Kernels take the one with packages when BUN_SANDBOX_IMAGE_PACKAGES, or image_packages in the machine's
    policy file, names the same.
    """
    asked = {} if packages is None else {"BUN_SANDBOX_IMAGE_PACKAGES": packages}
    with _progress("Image") as report:
        name = _engine().ensure_image(report, _policy(asked), rebuild=force)
    click.echo(name)
    if packages is not None:
        click.echo(f"Kernels take it with BUN_SANDBOX_IMAGE_PACKAGES={packages}", err=True)


@image.command("inspect")
def image_inspect() -> None:
    """Print what the image is and what it is made of, as CycloneDX JSON."""
    from . import sbom

    click.echo(json.dumps(sbom.document(_engine().inspect_image(_policy({}))), indent=2))


@main.command()
@click.argument("file", required=False, type=click.File("r", encoding="utf-8"))
@click.option("-e", "--eval", "code", metavar="CODE", help="Run this text instead of a file.")
@click.option("--dry", is_flag=True, help="Print the exact call to the engine and make none.")
def run(file: IO[str] | None, code: str | None, *, dry: bool) -> None:
    """Run FILE (- for standard input) in a fresh sandbox and exit with its status.

    124: its time was up. 130: interrupted. 137: out of memory.
    """
    policy = _policy({})
    if dry:
        call = {"method": "POST", "path": "/containers/create", "body": _engine().dry_run(policy)}
        click.echo(json.dumps(call, indent=2))
        return
    if (file is None) == (code is None):
        raise click.UsageError("Give either a file or -e CODE.")
    import asyncio

    from . import runner

    program = code if file is None else file.read()
    with _progress("Sandbox") as report:
        status = asyncio.run(runner.run(_engine(), policy, program or "", report, color=sys.stderr.isatty()))
    sys.exit(status)


@main.command()
def reap() -> None:
    """Remove the sandboxes whose kernels are gone."""
    removed = _engine().reap()
    for container in removed:
        click.echo(f"removed {container}")
    click.echo(f"{len(removed)} orphaned sandboxes removed")


@main.command()
@click.option("--listen", metavar="HOST:PORT", help="Serve them to Prometheus instead, until interrupted.")
def metrics(listen: str | None) -> None:
    """Print what the sandboxes of all kernels use, as Prometheus reads it.

    A container that serves without a kernel is not among them; it has /metrics of its own, on port 9999.
    """
    from . import metrics as exporter

    if listen is None:
        click.echo(exporter.text(_engine().measure()), nl=False)
        return
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise click.UsageError(f"--listen is {listen!r}; give an address and a port, such as 127.0.0.1:9997.")
    try:
        server, thread = exporter.serve(_engine(), host.strip("[]"), int(port))
    except OSError as error:
        raise click.ClickException(f"Nothing can be served at {listen}: {error.strerror}. Give another one.") from error
    click.echo(f"Serving http://{host}:{server.server_port}/metrics", err=True)
    thread.join()


@main.command()
@click.option("--user", is_flag=True, help="For the current user.")
@click.option("--sys-prefix", is_flag=True, help="Into this Python's environment.")
@click.option("--prefix", type=click.Path(file_okay=False, path_type=Path), help="Below this folder.")
def install(*, user: bool, sys_prefix: bool, prefix: Path | None) -> None:
    """Register the kernel with Jupyter; without an option, for all users of the machine."""
    if sum((user, sys_prefix, prefix is not None)) > 1:
        raise click.UsageError("Give one of --user, --sys-prefix and --prefix.")
    from . import kernelspec

    place = sys.prefix if sys_prefix else None if prefix is None else str(prefix)
    click.echo(f"installed in {kernelspec.install(user=user, prefix=place)}")


def _policy(asked: Mapping[str, str]) -> SandboxPolicy:
    from .admin import AdminPolicy

    return AdminPolicy.read().policy({**os.environ, **asked})


def _engine() -> DockerEngine:
    from .engines.docker import DockerEngine

    return DockerEngine()


@contextmanager
def _progress(label: str) -> Iterator[Report]:
    """Yield a report that draws a bar on standard error, once there is something to draw."""
    bar = click.progressbar(length=1000, label=label, file=sys.stderr, show_eta=False)
    begun = False

    def report(progress: Progress) -> None:
        nonlocal begun
        if not begun:
            bar.render_progress()
            begun = True
        bar.label = progress.text
        bar.pos = round((progress.fraction or 0) * 1000)
        bar.render_progress()

    try:
        yield report
    finally:
        if begun:
            bar.render_finish()
