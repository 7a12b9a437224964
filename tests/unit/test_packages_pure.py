"""Packages as they are named, declared and told of, without an engine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bun_sandbox_kernel import image, packages
from bun_sandbox_kernel.admin import AdminPolicy
from bun_sandbox_kernel.dependencies import declared
from bun_sandbox_kernel.errors import InstallFailed, PeerError, PolicyError, UsageError
from bun_sandbox_kernel.packages import Installed, Listed, Outdated, Package
from bun_sandbox_kernel.policy import SandboxPolicy

POLICY = SandboxPolicy()


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        ("zod", "zod", ""),
        ("zod@4", "zod", "4"),
        ("zod@^4.1 || >=5 <6", "zod", "^4.1 || >=5 <6"),
        ("@types/node@24.1.0", "@types/node", "24.1.0"),
        ("@scope/x", "@scope/x", ""),
        ("JSONStream@latest", "JSONStream", "latest"),
    ],
)
def test_a_name_with_a_version_a_range_or_a_tag_is_a_package(text: str, name: str, wanted: str) -> None:
    assert packages.spec(text) == (name, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-g",
        "--registry=http://evil",
        "zod@",
        "zod@file:../x",
        "zod@npm:evil@1",
        "zod@workspace:*",
        "zod@link:x",
        "zod@patch:x",
        "./x",
        "/etc/passwd",
        "../x",
        "user/repository",
        "github:user/repository",
        "https://evil/x.tgz",
        "git@github.com:user/x",
        "@scope",
        "@scope/",
        "@a/b/c",
        "zod\n",
        "zod@1\n2",
        ".hidden",
        "_private",
        "a" * 215,
        "zod@" + "1" * 101,
        "zöd",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        packages.spec(text)


def test_the_program_holds_the_request_and_nothing_that_ends_it() -> None:
    program = packages.program("add", ["zod@4"], POLICY, {})
    (line,) = (line for line in program.splitlines() if line.startswith("const request = "))
    request = json.loads(line.removeprefix("const request = ").removesuffix(";"))
    assert (request["command"], request["arguments"]) == ("add", ["zod@4"])
    assert "minimumReleaseAge = 259200\n" in request["bunfig"]
    assert "ignoreScripts = true\n" in request["bunfig"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("error: GET https://r/nope - 404", "There is no package nope in the registry."),
        ("error: GET https://r/@a%2fb - 404", "There is no package @a/b in the registry."),
        ('error: No version matching "99" found for specifier "zod" (but package exists)', "zod has no version 99."),
        (
            'error: No version matching "1" found for specifier "a" (blocked by minimum-release-age: 259200 seconds)',
            "Every version of a that matches 1 was published less than 3 days ago.",
        ),
        ('error: Package "zod" with tag "x" not found, but package exists', "zod has no version with the tag x."),
        (
            "error: IntegrityCheckFailed extracting tarball from evil",
            "What was downloaded for evil is not what the registry says it is (sha512 differs).",
        ),
        (
            "error: ConnectionRefused downloading package manifest zod",
            "The registry https://registry.npmjs.org cannot be reached.",
        ),
        (
            "error: DNSResolveFailed downloading package manifest zod",
            "The registry https://registry.npmjs.org has no address: its name cannot be resolved.",
        ),
        ("ENOSPC: no space left on device", "There is no room left on the engine's disk."),
        ("error: \x1b[31mwhat\x1b[0m\x00 is {this}", "Bun could not install: error: what is {this}."),
        ("error: ended by SIGKILL", "The installation needs more memory than a sandbox has."),
        ("", "Bun could not install: it said nothing."),
    ],
)
def test_each_failure_is_one_sentence(said: str, expected: str) -> None:
    failure = packages.explained(said, POLICY)
    assert failure.message == expected
    assert failure.remedy


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        '{"type": "gift"}',
        '{"type": "installed", "packages": [{"name": "<b>", "version": "1.0.0", "direct": true}]}',
        '{"type": "installed", "packages": [{"name": "zod", "version": "<b>", "direct": true}]}',
        '{"type": "installed", "packages": [{"name": "zod", "version": "1.0.0", "direct": "yes"}]}',
        '{"type": "downloaded", "packages": "many", "bytes": 1}',
        json.dumps({"type": "installed", "packages": [{"name": "z", "version": "1.0", "direct": True}] * 5001}),
    ],
)
def test_an_installer_that_says_something_else_is_not_believed(line: str) -> None:
    with pytest.raises(PeerError):
        packages.decode(line, POLICY)


def test_an_installer_tells_of_packages_and_of_failures() -> None:
    entry = {"name": "zod", "version": "4.1.0", "direct": True}
    assert packages.decode(json.dumps({"type": "installed", "packages": [entry]}), POLICY) == Installed(
        (Package("zod", "4.1.0", direct=True),)
    )
    with pytest.raises(InstallFailed, match="more room"):
        packages.decode('{"type": "large"}', POLICY)


def test_the_table_of_outdated_packages_is_read_without_its_frame() -> None:
    table = (
        "bun outdated v1.4.5\n|-----|\n| Package | Current | Update | Latest |\n"
        "| zod | 3.22.0 | 3.22.0 | 4.1.0 |\n| <b> | 1 | 1 | 1 |\n"
    )
    assert packages.outdated(table) == (Outdated("zod", "3.22.0", "3.22.0", "4.1.0"),)


def test_the_sentence_names_what_was_asked_for_and_counts_the_rest() -> None:
    old = (Package("zod", "3.0.0", direct=True), Package("gone", "1.0.0", direct=True))
    new = (Package("zod", "4.0.0", direct=True), Package("dep", "1.0.0", direct=False))
    assert packages.sentence((), Installed(new)) == "Added zod@4.0.0 with 1 other."
    assert packages.sentence(old, Installed(new)) == (
        "Added zod@4.0.0 with 1 other. Removed gone@1.0.0. "
        "What cells have imported before stays as it is until the kernel restarts."
    )
    assert packages.sentence(new, Installed(new)) == "Everything is installed already."
    assert packages.sentence(new, Listed(())) == "There is nothing newer."


def test_the_notebook_s_metadata_come_before_package_json(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"zod": "4"}}')
    assert declared(tmp_path, "") == ("package.json", {"zod": "4"})
    book = tmp_path / "a.ipynb"
    book.write_text('{"metadata": {"bun_sandbox": {"dependencies": {"d3": "7"}}}}')
    assert declared(tmp_path, str(book)) == ("a.ipynb", {"d3": "7"})
    book.write_text('{"metadata": {}}')
    assert declared(tmp_path, "a.ipynb") == ("package.json", {"zod": "4"})


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        '{"dependencies": []}',
        '{"dependencies": {"a": 1}}',
        '{"dependencies": {"a": "file:/etc"}}',
        " " * 2_000_000,
    ],
    ids=["broken", "list", "no names", "no version", "a file", "large"],
)
def test_what_is_no_declaration_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "package.json").write_text(content)
    with pytest.raises(UsageError):
        declared(tmp_path, "")


def test_neither_a_link_nor_a_pipe_is_read(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text('{"dependencies": {"zod": "4"}}')
    (tmp_path / "package.json").symlink_to(tmp_path / "real.json")
    with pytest.raises(UsageError, match="No dependencies"):
        declared(tmp_path, "")
    (tmp_path / "package.json").unlink()
    os.mkfifo(tmp_path / "package.json")
    with pytest.raises(UsageError, match="No dependencies"):
        declared(tmp_path, "")


@pytest.mark.parametrize(
    "value",
    ["ftp://x", "registry", "https://", "https://user:secret@host/", "http://h/?token=1", "http://h/x y", 'http://h"x'],
)
def test_a_registry_is_an_address_without_credentials_and_none_are_shown(value: str) -> None:
    with pytest.raises(PolicyError) as caught:
        AdminPolicy(Path("/nowhere")).policy({"BUN_SANDBOX_REGISTRY": value})
    assert "secret" not in str(caught.value)


def test_packages_of_the_image_are_in_its_name() -> None:
    plain = image.reference()
    one = image.reference(SandboxPolicy(image_packages=frozenset({"zod@4"})))
    other = image.reference(SandboxPolicy(image_packages=frozenset({"zod@3"})))
    assert one.startswith(f"{plain}-")
    assert len({plain, one, other}) == 3
