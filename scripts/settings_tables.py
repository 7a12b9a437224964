"""Writes the tables of the policy into docs/configuration.md: `python scripts/settings_tables.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

from bun_sandbox_kernel.policy import MIB, SandboxPolicy, parse_bytes, settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"


def tables() -> dict[str, str]:
    """Return every table as Markdown, by the name that marks its place on the page."""
    said = {
        name: " ".join(lines).strip().replace("``", "`")
        for (owner, name), lines in ModuleAnalyzer.for_module(SandboxPolicy.__module__).find_attr_docs().items()
        if owner == SandboxPolicy.__name__
    }
    settable = {setting.field for setting in settings().values()}
    return {
        "settings": _table(
            ("variable", "default", "allowed", "what it is"),
            (
                (
                    f"`{setting.variable}`",
                    _shown(setting.default, is_bytes=setting.parse is parse_bytes),
                    setting.allowed.removeprefix("bytes with an optional unit, "),
                    said[setting.field],
                )
                for setting in settings().values()
            ),
        ),
        "fixed": _table(
            ("fixed", "value", "what it is"),
            (
                (f"`{line.name}`", _shown(line.default, is_bytes=line.name.endswith("_bytes")), said[line.name])
                for line in fields(SandboxPolicy)
                if line.name not in settable
            ),
        ),
    }


def written(page: str) -> str:
    """Return the page with every table as the code has it. Raises ValueError where a mark is missing."""
    for name, table in tables().items():
        begin, end = f"<!-- {name}: written by scripts/settings_tables.py -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{PAGE.name} has no place for the table {name!r}; put {begin!r} and {end!r} there.")
        page = f"{before}{begin}\n{table}\n{end}{after}"
    return page


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _shown(value: object, *, is_bytes: bool) -> str:
    match value:
        case int() if is_bytes:
            return f"`{value // MIB}m`"
        case Path():
            return "the profile that ships"
        case frozenset() if not value:
            return "none"
    return f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
