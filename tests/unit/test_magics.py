"""A cell is cut into programs and magics."""

from __future__ import annotations

import pytest

from bun_sandbox_kernel import magics
from bun_sandbox_kernel.errors import UsageError
from bun_sandbox_kernel.magics import Program, Spell, documentation, matches, parts, program_of


def test_a_cell_without_magics_is_one_program() -> None:
    assert parts("const x = 1\n\nx % 2") == [Program("const x = 1\n\nx % 2")]


def test_an_empty_cell_has_no_parts() -> None:
    assert parts(" \n\n") == []


def test_the_program_behind_keeps_its_line_numbers() -> None:
    assert parts("\n%timeout 5s\nconst x = 1\n% 2") == [
        Spell("%timeout", "5s", line=1),
        Program("\n\nconst x = 1\n% 2"),
    ]


def test_magics_stand_between_lines_of_code() -> None:
    assert parts("const x = 1\n%timeit x + 1\n  %time x\nx") == [
        Program("const x = 1"),
        Spell("%timeit", "x + 1", line=1),
        Spell("%time", "x", line=2),
        Program("\n\n\nx"),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "const text = `\n%timeit 1\n`",
        "/*\n%timeit 1\n*/",
        "const text = `${`\n%timeit 1\n`}`",
        "const rest = 7\n% rest",
        "const rest = 7\n%rest",
        "const flag = !ready",
        "!ready",
        "!ls.length",
        "!done && go()",
    ],
)
def test_what_is_typescript_is_no_magic(code: str) -> None:
    assert parts(code) == [Program(code)]


def test_a_cell_magic_takes_the_whole_cell() -> None:
    assert parts("\n%%html -x\n\n<b>%timeit</b>\n") == [Spell("%%html", "-x", "\n<b>%timeit</b>\n", 1)]


@pytest.mark.parametrize("line", ["!ls", "!npm install zod", "! pip install numpy", "!./run.sh now"])
def test_a_line_for_a_shell_is_told_apart(line: str) -> None:
    (part,) = parts(line)
    assert isinstance(part, Spell)
    assert part.name == "!"


def test_an_unknown_magic_between_lines_is_one_when_it_is_nearly_known() -> None:
    assert parts("const a = 1\n%timeitt a")[1] == Spell("%timeitt", "a", line=1)


@pytest.mark.parametrize("code", ["%timeit?", "?%timeit", "%timeit??"])
def test_a_question_about_a_magic_is_one(code: str) -> None:
    assert parts(code) == [Spell("?", "%timeit")]


def test_those_who_look_at_a_cell_see_its_program_alone() -> None:
    assert program_of("%timeout 5\nconst x = 1\n%time x\nx") == "\nconst x = 1\n\nx"
    assert program_of("%%html\n<b>") == ""


def test_every_magic_is_documented_with_its_usage() -> None:
    for name in magics.MAGICS:
        summary, _, rest = documentation(name).partition("\n")
        assert summary.startswith(f"{name}: ")
        assert summary.endswith(".")
        assert f"Usage: {name}" in rest


def test_names_are_completed() -> None:
    assert matches("%time") == ["%time", "%timeit", "%timeout"]
    assert matches("%%tim") == ["%%time", "%%timeit"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%timeot 5", r"%timeot.*%timeout"),
        ("%zzz", r"%zzz.*%lsmagic"),
        ("%matplotlib inline", "Python"),
        ("!npm install zod", "%bun add zod"),
        ("!ls", "no shell"),
        ("%%bash", r"Bun\.spawn"),
        ("%whos", "%vars"),
    ],
)
async def test_what_does_not_exist_is_an_error_that_says_what_to_do(line: str, said: str) -> None:
    (spell,) = parts(line)
    assert isinstance(spell, Spell)
    with pytest.raises(UsageError, match=said):
        await magics.perform(spell, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "cursor", "before", "at"),
    [
        ("%timei", 6, "%timei", "%timei"),
        ("const x = 1\n  %sand", 19, "%sand", "%sand"),
        ("%time x + 1", 9, None, "%time"),
        ("x %ti", 5, None, ""),
        ("%%html\n<b>", 6, "%%html", "%%html"),
    ],
)
def test_the_name_under_the_cursor_is_found(code: str, cursor: int, before: str | None, at: str) -> None:
    assert magics.name_before(code, cursor) == before
    assert magics.name_at(code, cursor) == at
