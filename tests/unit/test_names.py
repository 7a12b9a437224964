"""Names of files, shown without harm and looked up without a way out."""

from __future__ import annotations

import pytest

from bun_sandbox_kernel.errors import FileError
from bun_sandbox_kernel.names import below, inside, visible


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("data.csv", "data.csv"),
        ("ein Brötchen 🍞.txt", "ein Brötchen 🍞.txt"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("\u200b\u2028\u00a0", "\\u200b\\u2028\\xa0"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(name: str, shown: str) -> None:
    assert visible(name) == shown


@pytest.mark.parametrize("path", ["a", "./a", "a/b.csv", "a b", "é"])
def test_a_path_below_is_taken(path: str) -> None:
    assert not below(path).is_absolute()


@pytest.mark.parametrize(
    "path", ["", ".", "..", "a/..", "../a", "a/../../b", "/a", "//a", "a/", "a\nb", "a\0", "\x1b", "x" * 256, "é" * 128]
)
def test_any_other_path_is_refused_in_one_line(path: str) -> None:
    with pytest.raises(FileError) as caught:
        below(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", ""),
        (".", ""),
        ("/sandbox/code", ""),
        ("/sandbox/code/", ""),
        ("/sandbox/code/a/b", "a/b"),
        ("./a", "a"),
        ("a/", "a"),
        ("/sandbox/codec", "/sandbox/codec"),
        ("/etc/passwd", "/etc/passwd"),
        ("../a", "../a"),
    ],
)
def test_a_path_in_the_sandbox_is_asked_for_as_one_below_its_folder(path: str, asked: str) -> None:
    assert inside(path) == asked
