"""Pure: a cell → the programs and the magics that it is made of, in their order.

Law: a program keeps its line numbers; a ``%`` inside a string, a template or a comment is text, and so is one that
does not begin its line with the name of a magic.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

_LINE = re.compile(r"\s*(?P<name>%[A-Za-z_]\w*)(?P<argument>(?:\s.*)?)")
_CELL = re.compile(r"\s*(?P<name>%%[A-Za-z_!]\w*)(?P<argument>(?:\s.*)?)")
_BEGINNING = re.compile(r"\s*(%{1,2}\w*)")
_HELP = re.compile(r"\s*(?:\?{1,2}\s*(?P<asked>%{1,2}\w+)|(?P<of>%{1,2}\w+)\?{1,2})\s*")
HELP, SHELL = "?", "!"
"""What counts as a magic without its sign: a question about one, and a line for a shell."""
_SHELL = re.compile(
    r"\s*!\s*(?:(?:apt|bun|bunx|cat|cd|cp|curl|date|df|du|env|git|head|kill|ls|mkdir|mv|node|npm|npx|pip|pnpm|ps|pwd|"
    r"python|rm|tail|top|touch|wget|which|whoami|yarn)\b(?!\s*[.(=<>&|?+])|[\w./-]+ +[\w./~-]).*"
)
"""A line for a shell, as IPython has it: no program begins like the second form, and few like the first."""


@dataclass(frozen=True, slots=True)
class Program:
    """TypeScript; what other parts of the cell hold is blank here."""

    code: str


@dataclass(frozen=True, slots=True)
class Spell:
    """One magic: its name with its percent signs, and the rest of its line.

    ``body`` is what lies below a cell magic; ``line`` says how many lines stand above.
    """

    name: str
    argument: str
    body: str = ""
    line: int = 0


Part = Program | Spell


def parts(cell: str, known: Collection[str]) -> list[Part]:
    """Cut a cell into its parts; ``known`` are the names that count as magics between lines of a program.

    At the head of a cell every line that begins with ``%`` is one, known or not. A cell that begins with ``%%`` is one
    magic alone.
    """
    whole = _cell_magic(cell)
    if whole is not None:
        return [whole]
    lines = cell.split("\n")
    spells = dict(_spells(lines, known))
    cut: list[Part] = []
    begin = 0
    for index in sorted(spells):
        cut += _program(lines, begin, index)
        cut.append(spells[index])
        begin = index + 1
    return cut + _program(lines, begin, len(lines))


def program_of(cell: str, known: Collection[str]) -> str:
    """Return a cell without its magics, every line in its place, for those who only look at it."""
    if _cell_magic(cell) is not None:
        return ""
    lines = cell.split("\n")
    spells = dict(_spells(lines, known))
    return "\n".join("" if index in spells else line for index, line in enumerate(lines))


def name_before(cell: str, cursor: int) -> str | None:
    """Return the beginning of a magic's name that a line holds before the cursor, and nothing else."""
    line = cell[: max(0, cursor)].rpartition("\n")[2]
    found = _BEGINNING.fullmatch(line)
    return None if found is None else found[1]


def name_at(cell: str, cursor: int) -> str:
    """Return the name of the magic in whose line the cursor is; empty in any other line."""
    start = cell.rfind("\n", 0, max(0, cursor)) + 1
    found = _LINE.fullmatch(line := cell[start:].partition("\n")[0]) or _CELL.fullmatch(line)
    return "" if found is None else found["name"]


def _cell_magic(cell: str) -> Spell | None:
    lines = cell.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    found = _CELL.fullmatch(lines[first])
    if found is None:
        return None
    return Spell(found["name"], found["argument"].strip(), "\n".join(lines[first + 1 :]), first)


def _program(lines: list[str], begin: int, end: int) -> list[Part]:
    code = "\n".join([""] * begin + lines[begin:end])
    return [Program(code)] if code.strip() else []


def _spells(lines: list[str], known: Collection[str]) -> list[tuple[int, Spell]]:
    found = []
    at_head, text = True, None
    for index, line in enumerate(lines):
        spell = _spell(line, index)
        if spell is None:
            at_head = at_head and not line.strip()
            continue
        if not at_head:
            text = _text_lines(lines) if text is None else text
            if index in text or not _is_meant(spell.name, known):
                continue
        found.append((index, spell))
    return found


def _spell(line: str, index: int) -> Spell | None:
    if match := _LINE.fullmatch(line):
        return Spell(match["name"], match["argument"].strip(), line=index)
    if match := _HELP.fullmatch(line):
        return Spell(HELP, match["asked"] or match["of"], line=index)
    return Spell(SHELL, line.strip().removeprefix("!").strip(), line=index) if _SHELL.fullmatch(line) else None


def _is_meant(name: str, known: Collection[str]) -> bool:
    """Say whether a line among those of a program is no remainder of a division."""
    return name in {HELP, SHELL} or name in known or bool(get_close_matches(name, known, cutoff=0.8))


def _text_lines(lines: list[str]) -> set[int]:
    """Return the lines that begin inside a string, a template or a comment."""
    from pygments.lexers.javascript import TypeScriptLexer
    from pygments.token import Comment, String

    inside: set[int] = set()
    line = 0
    for _, kind, value in TypeScriptLexer(stripnl=False, ensurenl=False).get_tokens_unprocessed("\n".join(lines)):
        ends = value.count("\n")
        if kind in Comment.Multiline or (kind in String and kind not in String.Interpol):
            inside.update(range(line + 1, line + ends + 1))
        line += ends
    return inside
