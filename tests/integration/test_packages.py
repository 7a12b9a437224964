"""Packages from the real registry in a sandbox that has no network, and registries that fail, on real Docker."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import tarfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import pytest

from bun_sandbox_kernel.engines import docker_volumes
from bun_sandbox_kernel.engines.docker import DockerEngine, owner_of
from bun_sandbox_kernel.engines.docker_api import connect
from bun_sandbox_kernel.engines.docker_package import package_client
from bun_sandbox_kernel.engines.docker_spec import LABEL
from bun_sandbox_kernel.views import DATA
from tests.conftest import absent, eventually, sandboxes_of
from tests.integration.kernels import Message, Notebook, errors, kernel, printed, refused, shown

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with kernel(tmp_path_factory.mktemp("packages")) as notebook:
        reply, _ = notebook.run("%bun add is-number", stop_on_error=False)
        if "cannot be reached" in reply.get("evalue", ""):
            absent(reply["evalue"])
        yield notebook


def last(published: list[Message]) -> str:
    """Return what the display that changes says at its end."""
    return str([m.content["data"]["text/plain"] for m in published if m.kind == "update_display_data"][-1])


def added(notebook: Notebook, *names: str) -> str:
    reply, published = notebook.run(f"%bun add {' '.join(names)}")
    assert reply["status"] == "ok", reply
    return last(published)


def volumes_of(pid: int) -> list[str]:
    return [found.id for found in docker_volumes.find(connect(), LABEL) if owner_of(found).pid == str(pid)]


def test_what_could_not_be_imported_can_be_after_it_was_added(notebook: Notebook) -> None:
    assert "Cannot find package 'zod'" in refused(notebook, 'import { z } from "zod"')
    assert "Cannot find package" in refused(notebook, 'await import("lodash-es")')
    sentence = added(notebook, "zod@4", "lodash-es")
    assert re.fullmatch(r"Added lodash-es@4\.[\d.]+, zod@4\.[\d.]+\.", sentence), sentence
    assert notebook.value('import { z } from "zod"; z.string().parse("bao")') == '"bao"'
    assert notebook.value('(await import("lodash-es")).chunk([1, 2, 3, 4], 2).length') == "2"


def test_list_outdated_and_remove(notebook: Notebook) -> None:
    added(notebook, "left-pad@1.1.0")
    rows = shown(notebook.run("%bun list")[1])
    assert {"name": "left-pad", "version": "1.1.0", "": ""} in rows[DATA]
    assert "<td" in rows["text/html"]
    _, published = notebook.run("%bun outdated")
    assert re.search(r"^left-pad +1\.1\.0 +1\.1\.0 +1\.3\.0$", printed_tables(published), re.MULTILINE)
    assert last(notebook.run("%bun remove left-pad")[1]).startswith("Removed left-pad@1.1.0.")
    assert "was not added" in refused(notebook, "%bun remove left-pad")


def printed_tables(published: list[Message]) -> str:
    return "\n".join(str(m.content["data"]["text/plain"]) for m in published if m.kind == "display_data")


def test_packages_of_many_kinds_work_together(notebook: Notebook) -> None:
    added(notebook, "d3-array", "date-fns", "mathjs", "arquero@7", "vega-lite", "@node-rs/xxhash", "react", "react-dom")
    assert notebook.value('import { mean } from "d3-array"; mean([1, 2, 6])') == "3"
    assert notebook.value('import { addDays } from "date-fns"; addDays(new Date(0), 1).getTime()') == "86400000"
    assert notebook.value('import { evaluate } from "mathjs"; evaluate("sqrt(16) + 1")') == "5"
    assert notebook.value('import { table } from "arquero"; table({ a: [3, 4] }).numRows()') == "2"
    assert (
        notebook.value('import { xxh32 } from "@node-rs/xxhash"; xxh32("bao") === Bun.hash.xxHash32("bao")') == "true"
    )
    code = 'import { renderToString } from "react-dom/server"; const Bun1 = () => <b>bao</b>;\nrenderToString(<Bun1 />)'
    assert notebook.value(code) == '"<b>bao</b>"'
    spec = '{ $schema: "https://vega.github.io/schema/vega-lite/v6.json", data: { values: [] }, mark: "bar" as const }'
    assert "vega" in notebook.value(f'import {{ compile }} from "vega-lite"; compile({spec}).spec.$schema')


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("no-such-package-of-ours-77", "no package no-such-package-of-ours-77"),
        ("@no-such-scope-77/x", "no package @no-such-scope-77/x"),
        ("zod@99", "no version 99"),
        ("zod@no-such-tag", "tag no-such-tag"),
    ],
)
def test_what_the_registry_does_not_have_is_named_and_changes_nothing(
    notebook: Notebook, words: str, said: str
) -> None:
    assert said in refused(notebook, f"%bun add {words}")
    assert notebook.value('typeof (await import("is-number")).default') == '"function"'


@pytest.mark.parametrize(
    "words", ["add file:../x", "add zod@git+https://x.y/z", "add -g zod", "add", "list zod", "frob", "add zod@npm:evil"]
)
def test_only_names_of_the_registry_are_taken(notebook: Notebook, words: str) -> None:
    assert re.search(r"Usage: %bun|Give names of the registry", refused(notebook, f"%bun {words}"))


def test_the_packages_are_read_only_and_nobody_else_s(notebook: Notebook, tmp_path: Path) -> None:
    write = 'await Bun.write("/sandbox/node_modules/is-number/index.js", "")'
    assert "EROFS" in refused(notebook, write)
    assert notebook.value('(await import("fs")).existsSync("/var/cache/bun/is-number")') == "false"
    with kernel(tmp_path) as other:
        assert "Cannot find package" in refused(other, 'import "is-number"')


def test_a_declared_set_is_restored_from_package_json_and_from_a_notebook(tmp_path: Path) -> None:
    manifest = {"dependencies": {"is-odd": "^3.0.0"}}
    (tmp_path / "package.json").write_text(json.dumps(manifest))
    book = {"metadata": {"bun_sandbox": {"dependencies": {"is-even": "1.0.0"}}}}
    (tmp_path / "Lesson.ipynb").write_text(json.dumps(book))
    environment = {"JPY_SESSION_NAME": str(tmp_path / "Lesson.ipynb")}
    with kernel(tmp_path, **environment) as notebook:
        assert "Added is-even@1.0.0" in last(notebook.run("%bun install")[1])
        assert notebook.value('import isEven from "is-even"; isEven(4)') == "true"


def test_off_is_off(tmp_path: Path) -> None:
    with kernel(tmp_path, BUN_SANDBOX_PACKAGES="off") as notebook:
        assert "Packages are off" in refused(notebook, "%bun add zod")
        assert notebook.value("1 + 1") == "2"
        assert volumes_of(notebook.pid) == []


# -- registries that fail ----------------------------------------------------------------------------------------------


def tarball() -> bytes:
    """Return a package as registries serve it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {"package.json": b'{"main": "index.js"}', "index.js": b'module.exports = "good"'}.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class _Registry(BaseHTTPRequestHandler):
    """Stalls for ``slow…``; what it serves is what it tells of, but for ``evil``."""

    archive = tarball()

    def do_GET(self) -> None:
        name = self.path.split("/")[1]
        if name.startswith("slow"):
            self.server.asked.set()  # type: ignore[attr-defined]
            self.server.stalled.wait()  # type: ignore[attr-defined]
            return
        url = f"http://{self.headers['Host']}/{name}/-/{name}-1.0.0.tgz"
        content = b"not it" if name == "evil" else self.archive
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(self.archive).digest()).decode()
        version = {"name": name, "version": "1.0.0", "dist": {"tarball": url, "integrity": integrity}}
        if name == "stray":
            version["dependencies"] = {"good-stray": f"http://{self.headers['Host']}/good-stray/-/x.tgz"}
        packument = {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        packument["time"] = {"1.0.0": "2020-01-01T00:00:00.000Z"}
        body = content if self.path.endswith(".tgz") else json.dumps(packument).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def gateway() -> str:
    """Return where containers on Docker's default bridge reach this machine."""
    (config, *_) = package_client().inspect_network("bridge")["IPAM"]["Config"]
    # An engine says it from its second start on.
    return str(config.get("Gateway") or ip_network(config["Subnet"])[1])


@contextmanager
def registry() -> Iterator[tuple[str, threading.Event]]:
    """Yield the address of a registry, and what is set once it stalls."""
    server = ThreadingHTTPServer(("0.0.0.0", 0), _Registry)
    server.daemon_threads = True
    server.stalled, server.asked = threading.Event(), threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{gateway()}:{server.server_port}", server.asked  # type: ignore[attr-defined]
    finally:
        server.stalled.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()


def test_a_registry_that_fails_stalls_or_lies_leaves_all_as_it_was(tmp_path: Path) -> None:
    with registry() as (address, stalls), kernel(tmp_path, BUN_SANDBOX_REGISTRY=address) as notebook:
        assert "sha512 differs" in refused(notebook, "%bun add evil")
        assert "which is not in the registry" in refused(notebook, "%bun add stray")
        notebook.run("const kept = 1")
        notebook.run("%timeout 2s")
        assert "took longer than 2 s" in refused(notebook, "%bun add slow-package")
        notebook.run("%timeout off")
        stalls.clear()
        request = notebook.send("%bun add slow-package", stop_on_error=False)
        assert stalls.wait(20)
        notebook.interrupt()
        assert [e["ename"] for e in errors(list(notebook.messages(request)))] == ["KeyboardInterrupt"]
        assert eventually(lambda: len(sandboxes_of(notebook.pid)) == 1, 5)
        assert notebook.value("kept") == "1"
        assert printed(notebook.run("%bun list")[1]).startswith("No packages")


def test_a_registry_that_is_not_there_is_named(tmp_path: Path) -> None:
    closed = f"http://{gateway()}:9"
    with kernel(tmp_path, BUN_SANDBOX_REGISTRY=closed) as notebook:
        assert f"The registry {closed} cannot be reached" in refused(notebook, "%bun add zod")


def test_a_name_that_does_not_resolve_is_named(tmp_path: Path) -> None:
    with kernel(tmp_path, BUN_SANDBOX_REGISTRY="http://registry.invalid") as notebook:
        assert "cannot be resolved" in refused(notebook, "%bun add zod")


def test_what_is_too_new_or_too_large_is_not_installed(tmp_path: Path) -> None:
    settings = {"BUN_SANDBOX_MINIMUM_RELEASE_AGE": "31536000", "BUN_SANDBOX_PACKAGES_SIZE": "1m"}
    with kernel(tmp_path, **settings) as notebook:
        assert "less than 365 days ago" in refused(notebook, "%bun add @types/node@" + newest("@types/node"))
        assert "more room than they may" in refused(notebook, "%bun add lodash-es@4.17.21")
        assert "Cannot find package" in refused(notebook, 'import "lodash-es"')


def newest(name: str) -> str:
    from urllib.request import urlopen

    with urlopen(f"https://registry.npmjs.org/{quote(name, safe='')}/latest") as answer:
        return str(json.load(answer)["version"])


def test_an_installer_has_a_network_and_nothing_of_the_notebook_s_folder(tmp_path: Path) -> None:
    settings = {"BUN_SANDBOX_MOUNT_NOTEBOOK_DIR": "ro"}
    with registry() as (address, stalls), kernel(tmp_path, BUN_SANDBOX_REGISTRY=address, **settings) as notebook:
        request = notebook.send("%bun add slow-package", stop_on_error=False)
        assert stalls.wait(20)
        containers = [connect().ask("GET", f"/containers/{each}/json")[1] for each in sandboxes_of(notebook.pid)]
        seen = {each["HostConfig"]["NetworkMode"]: {m["Destination"] for m in each["Mounts"]} for each in containers}
        assert "/notebook" in seen["none"]
        assert "/notebook" not in seen["bridge"]
        notebook.interrupt()
        list(notebook.messages(request))


# -- ends --------------------------------------------------------------------------------------------------------------


def test_nothing_is_left_after_the_kernel(tmp_path: Path) -> None:
    with kernel(tmp_path) as notebook:
        notebook.run("%bun add is-number")
        pid = notebook.pid
        assert len(volumes_of(pid)) == 1
    assert eventually(lambda: not sandboxes_of(pid) and not volumes_of(pid), 10)


def test_a_kernel_that_is_killed_in_the_middle_leaves_a_volume_that_the_next_one_removes(
    engine: DockerEngine, tmp_path: Path
) -> None:
    with registry() as (address, stalls), kernel(tmp_path, BUN_SANDBOX_REGISTRY=address) as notebook:
        notebook.run("1")
        pid = notebook.pid
        notebook.send("%bun add slow-package")
        assert stalls.wait(20)
        os.kill(pid, 9)
        assert eventually(lambda: not sandboxes_of(pid))
    engine.reap()
    assert eventually(lambda: not volumes_of(pid), 10)


def test_the_second_installation_needs_no_registry(tmp_path: Path) -> None:
    name = f"good-{uuid.uuid4().hex}"
    with registry() as (address, _), kernel(tmp_path, BUN_SANDBOX_REGISTRY=address) as first:
        assert added(first, name) == f"Added {name}@1.0.0."
    with kernel(tmp_path, BUN_SANDBOX_REGISTRY=address) as second:
        assert "cannot be reached" in refused(second, "%bun add good-other")
        assert added(second, name) == f"Added {name}@1.0.0."
        assert second.value(f'import good from "{name}"; good') == '"good"'
