"""Checks that the relative links and anchors of every Markdown file lead somewhere: `python scripts/check_links.py`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
SKIPPED = {"node_modules", "build", "dist", "__pycache__"}
"""Folders that hold no documents of ours; hidden ones are skipped too."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK = re.compile(r"\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+[\"'(][^)]*)?\s*\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)")
_ATTRIBUTE = re.compile(r"""<\w[^>]*?\b(?:href|src)\s*=\s*["']([^"']+)["']""")
_EXPLICIT_ANCHOR = re.compile(r"""<\w[^>]*?\b(?:id|name)\s*=\s*["']([^"']+)["']""")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$")
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def documents(root: Path) -> list[Path]:
    """Return every Markdown file below the folder, in a fixed order."""
    return sorted(path for path in root.rglob("*.md") if not _is_skipped(path.relative_to(root)))


def _is_skipped(path: Path) -> bool:
    return any(part in SKIPPED or part.startswith(".") for part in path.parts)


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line that stands outside of fenced code."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        match = _FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif match:
            fence = match[1]
        else:
            yield number, line


def links(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and target of every link and image."""
    for number, line in prose(text):
        visible = _CODE.sub("", line)
        for pattern in (_LINK, _REFERENCE, _ATTRIBUTE):
            for match in pattern.finditer(visible):
                yield number, match[1]


def anchors(text: str) -> set[str]:
    """Return the fragments that lead into a document, named as GitHub names them."""
    found: set[str] = set()
    counts: dict[str, int] = {}
    for _, line in prose(text):
        found.update(_EXPLICIT_ANCHOR.findall(_CODE.sub("", line)))
        heading = _HEADING.match(line)
        if heading is None:
            continue
        anchor = slug(heading[1])
        count = counts.get(anchor, 0)
        counts[anchor] = count + 1
        found.add(f"{anchor}-{count}" if count else anchor)
    return found


def slug(heading: str) -> str:
    """``"The `wire`, again"`` → ``"the-wire-again"``."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def problem(document: Path, target: str, root: Path) -> str | None:
    """Say what is wrong with a link of a document, or return None; links to other sites are not followed."""
    if _SCHEME.match(target):
        return None
    path_part, _, fragment = target.partition("#")
    path_part = unquote(path_part.partition("?")[0])
    path = (document.parent / path_part).resolve() if path_part else document
    if path_part.startswith("/") or not path.is_relative_to(root):
        return "leads out of the repository"
    if not path.exists():
        return "there is no such file"
    if fragment and path.suffix == ".md" and unquote(fragment) not in anchors(path.read_text("utf-8")):
        return f"{path.relative_to(root)} has no heading #{fragment}"
    return None


def main(root: Path = ROOT) -> int:
    """Print every link that leads nowhere, and return the exit status."""
    checked = 0
    broken = 0
    paths = documents(root)
    for document in paths:
        for line, target in links(document.read_text("utf-8")):
            checked += 1
            complaint = problem(document, target, root)
            if complaint is not None:
                broken += 1
                print(f"{document.relative_to(root)}:{line}: {target}: {complaint}", file=sys.stderr)
    print(f"{checked} links in {len(paths)} documents, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
