"""The notebook's folder on a real file system: nothing outside, nothing by halves, nothing unasked."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bun_sandbox_kernel.errors import FileError
from bun_sandbox_kernel.folder import NotebookFolder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    return tmp_path / "folder"


def read(root: Path, path: str) -> bytes:
    with NotebookFolder(root).reading(path) as file:
        return b"".join(file.pieces)


def write(root: Path, path: str, content: bytes = b"new", *, replace: bool = False) -> None:
    with NotebookFolder(root).writing(path, replace=replace) as append:
        append(content)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def refused(root: Path, path: str) -> str:
    """Return why a path is refused, whatever is asked for."""
    before = sorted(root.rglob("*"))
    with pytest.raises(FileError):
        write(root, path, replace=True)
    with pytest.raises(FileError) as caught:
        read(root, path)
    assert sorted(root.rglob("*")) == before
    assert (root.parent / "secret").read_text() == "outside"
    return str(caught.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "sub/../../secret", "..", ".", "", "a\nb", "sub"])
def test_what_is_no_path_of_a_file_below_is_refused(root: Path, path: str) -> None:
    refused(root, path)


def test_a_link_that_leads_out_is_refused(root: Path) -> None:
    (root / "link").symlink_to("../secret")
    (root / "up").symlink_to("..")
    assert "leads out" in refused(root, "link")
    assert "leads out" in refused(root, "up/secret")


def test_a_link_within_the_folder_is_read_and_not_written(root: Path) -> None:
    (root / "sub" / "data").write_text("data")
    (root / "link").symlink_to("sub/data")
    assert read(root, "link") == b"data"
    with pytest.raises(FileError, match="is a link already"):
        write(root, "link", replace=True)


def test_a_link_in_a_circle_is_refused(root: Path) -> None:
    (root / "link").symlink_to("link")
    refused(root, "link")


def test_what_is_no_file_is_refused_at_once(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        assert "a named pipe" in refused(root, "pipe")
        refused(root, "socket")
    assert "a folder" in refused(root, "sub")


def test_a_missing_file_is_said_to_be_missing(root: Path) -> None:
    with pytest.raises(FileError, match=r"There is no none in the notebook's folder\."):
        read(root, "none")
    with pytest.raises(FileError, match="There is no none/x"):
        write(root, "none/x")


def test_a_file_is_replaced_only_when_asked(root: Path) -> None:
    write(root, "a", b"one")
    with pytest.raises(FileError, match="--force"):
        write(root, "a", b"two")
    with pytest.raises(FileError, match="--force"):
        NotebookFolder(root).check_free("a", replace=False)
    assert read(root, "a") == b"one"
    write(root, "a", b"two", replace=True)
    assert read(root, "a") == b"two"
    assert names(root) == ["a", "sub"]


def test_a_write_that_fails_leaves_nothing(root: Path) -> None:
    def fail() -> None:
        with NotebookFolder(root).writing("a", replace=False) as append:
            append(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(root) == ["sub"]


def test_a_file_that_appears_meanwhile_is_not_replaced(root: Path) -> None:
    with pytest.raises(FileError, match="--force"), NotebookFolder(root).writing("a", replace=False) as append:
        append(b"ours")
        (root / "a").write_text("theirs")
    assert (root / "a").read_text() == "theirs"
    assert names(root) == ["a", "sub"]


@pytest.mark.parametrize("path", [".bashrc", ".git/hooks/post-commit", "sub/.env"])
def test_no_hidden_file_is_written(root: Path, path: str) -> None:
    with pytest.raises(FileError, match="hidden"):
        write(root, path)


def test_what_is_written_is_no_program(root: Path) -> None:
    write(root, "a")
    assert (root / "a").stat().st_mode & 0o111 == 0


def test_a_file_that_shrinks_while_it_is_read_is_an_error(root: Path) -> None:
    (root / "a").write_bytes(bytes(1 << 20))
    with NotebookFolder(root).reading("a") as file:
        assert file.size == 1 << 20
        next(file.pieces)
        os.truncate(root / "a", 0)
        with pytest.raises(FileError, match="shorter"):
            list(file.pieces)


def test_a_file_that_grows_while_it_is_read_is_read_to_where_it_ended(root: Path) -> None:
    (root / "a").write_bytes(b"x" * 10)
    with NotebookFolder(root).reading("a") as file:
        (root / "a").write_bytes(b"x" * 20)
        assert sum(map(len, file.pieces)) == 10
