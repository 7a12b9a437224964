"""npm packages: what is asked for, the program that installs it, what that says. Pure.

Law: a package is named by npm's grammar with a version, a range or a tag, so that nothing else is ever fetched: no
file, no address, no repository, and no option of ``bun``. What an installer says is hostile, as all from a sandbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .errors import InstallFailed, PeerError, PolicyError, UsageError
from .fields import Fields

if TYPE_CHECKING:
    from .policy import SandboxPolicy

_PROGRAM = Path(__file__).with_name("installer.ts")
_PART = r"[A-Za-z0-9~][A-Za-z0-9._~-]*"
_NAME = re.compile(rf"(?=.{{1,214}}\Z)(?:@{_PART}/)?{_PART}")
"""https://docs.npmjs.com/cli/configuring-npm/package-json#name, older names with capitals included."""
_RANGE = re.compile(r"[A-Za-z0-9.^~<>=*|+ -]{1,100}")
"""A version, a range of https://semver.org versions, or a tag."""
_VERSION = re.compile(r"\d[A-Za-z0-9.+-]{1,100}")
_MOST_ASKED = 50
_MOST_INSTALLED = 5_000


class Package(NamedTuple):
    """An installed package; ``direct`` where it was asked for by name."""

    name: str
    version: str
    direct: bool


class Outdated(NamedTuple):
    """An installed package of which there are newer versions: the newest within its range, and of all."""

    name: str
    current: str
    update: str
    latest: str


@dataclass(frozen=True, slots=True)
class Downloaded:
    """An installation goes on: so many packages and bytes have arrived."""

    packages: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation is done, and these are all packages now."""

    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """These packages have newer versions."""

    packages: tuple[Outdated, ...]


Said = Downloaded | Installed | Listed


def spec(text: str) -> tuple[str, str]:
    """Split ``zod@4`` into name and range; the range is empty where there is none. Raises UsageError."""
    name, at, wanted = text[:1] + text[1:].partition("@")[0], "@" in text[1:], text[1:].partition("@")[2]
    if _NAME.fullmatch(name) and (not at or _RANGE.fullmatch(wanted)):
        return name, wanted
    raise UsageError(
        f"{text[:80]!r} is not the name of a package.",
        "Give names of the registry, with a version, a range or a tag where one is meant: zod, zod@4, @scope/name@1.2.",
    )


def specs(words: Sequence[str], usage: str) -> list[str]:
    """Return what a user has asked for. Raises UsageError."""
    if not words:
        raise UsageError("No package is named.", usage)
    if len(words) > _MOST_ASKED:
        raise UsageError(f"{len(words)} packages are too many at once.", f"Name at most {_MOST_ASKED}.")
    for word in words:
        spec(word)
    return list(words)


def program(command: str, arguments: Sequence[str], policy: SandboxPolicy, wanted: Mapping[str, str]) -> str:
    """Return the program that an installer's sandbox runs; ``wanted`` is added to the dependencies."""
    request = {
        "command": command,
        "arguments": list(arguments),
        "dependencies": dict(wanted),
        "bunfig": bunfig(policy),
        "most": policy.packages_bytes,
    }
    return _PROGRAM.read_text("utf-8").replace("REQUEST", json.dumps(request), 1)


def bunfig(policy: SandboxPolicy) -> str:
    """Return Bun's settings (https://bun.sh/docs/runtime/bunfig#package-manager)."""
    settings: dict[str, object] = {
        "registry": policy.registry,
        "minimumReleaseAge": policy.minimum_release_age_s,
        "exact": True,
        "ignoreScripts": True,
        "linker": "hoisted",
        "cafile": "/etc/ssl/certs/ca-certificates.crt",
    }
    return "[install]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


def manifest(specs: Iterable[str]) -> str:
    """Return the package.json that asks for these."""
    return json.dumps({"dependencies": {name: wanted or "latest" for name, wanted in map(spec, sorted(specs))}})


def decode(line: str, policy: SandboxPolicy) -> Said:
    """Read one line of an installer. Raises PeerError, and InstallFailed where it says why it failed."""
    said = Fields.parse(line)
    match said.text("type"):
        case "downloaded":
            return Downloaded(said.integer("packages"), said.integer("bytes"))
        case "installed":
            return Installed(tuple(map(_package, _capped(said.objects("packages")))))
        case "outdated":
            return Listed(outdated(said.text("table")))
        case "failed":
            raise explained(said.text("said"), policy)
        case "large":
            raise InstallFailed("The packages take more room than they may.", _SIZE_REMEDY)
    raise PeerError("The installer said what nobody understands.")


_SIZE_REMEDY = "`%sandbox_limits` shows packages_size; ask for more by BUN_SANDBOX_PACKAGES_SIZE."


def _capped(entries: tuple[Fields, ...]) -> tuple[Fields, ...]:
    if len(entries) > _MOST_INSTALLED:
        raise PeerError(f"The installer tells of {len(entries)} packages.")
    return entries


def _package(entry: Fields) -> Package:
    name, version = entry.text("name"), entry.text("version")
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise PeerError("The installer tells of a package that has no proper name.")
    return Package(name, version, entry.flag("direct"))


def outdated(table: str) -> tuple[Outdated, ...]:
    """Read the table of ``bun outdated``; rows that are none are left out."""
    rows = [[cell.strip() for cell in re.split(r"[|│]", line)[1:-1]] for line in table.splitlines()]
    return tuple(
        Outdated(*row)
        for row in rows[:_MOST_INSTALLED]
        if len(row) == len(Outdated._fields)
        and _NAME.fullmatch(row[0])
        and all(_VERSION.fullmatch(cell) for cell in row[1:])
    )


_CAUSES = (
    (
        r"GET \S*/(?P<name>[^/\s]+) - 404",
        "There is no package {name} in the registry.",
        "Check how it is written on https://www.npmjs.com.",
    ),
    (
        r'No version matching "(?P<range>[^"]*)" found for specifier "(?P<name>[^"]*)" \(blocked by minimum',
        "Every version of {name} that matches {range} was published less than {age} ago.",
        "Ask for an older version, or wait; the age is set by BUN_SANDBOX_MINIMUM_RELEASE_AGE.",
    ),
    (
        r'No version matching "(?P<range>[^"]*)" found for specifier "(?P<name>[^"]*)"',
        "{name} has no version {range}.",
        "Ask for another, or for none to get the latest.",
    ),
    (
        r'Package "(?P<name>[^"]*)" with tag "(?P<range>[^"]*)" not found',
        "{name} has no version with the tag {range}.",
        "Ask for another, or for none to get the latest.",
    ),
    (
        r"(?i)integrity ?check ?failed\b.* (?P<name>\S+)",
        "What was downloaded for {name} is not what the registry says it is (sha512 differs).",
        "Do not use it; try again, and tell whoever runs the registry.",
    ),
    (
        r"(?P<name>\S+) is from elsewhere: (?P<range>\S+)",
        "A package needs {name} from {range}, which is not in the registry.",
        "Use another package; only those of the registry are installed.",
    ),
    (
        r"ended by SIGXFSZ",
        "A file of the packages is larger than a sandbox may write.",
        "Use another version, or another package.",
    ),
    (
        r"ended by SIGKILL",
        "The installation needs more memory than a sandbox has.",
        "Ask for more (`%sandbox_limits memory=512m`), or for fewer packages at once.",
    ),
    (
        r"DNSResolveFailed",
        "The registry {registry} has no address: its name cannot be resolved.",
        "Check the network and the registry's name (BUN_SANDBOX_REGISTRY).",
    ),
    (
        r"ENOSPC|No ?Space ?Left",
        "There is no room left on the engine's disk.",
        "Free some (`docker system df`), then try again.",
    ),
    (
        r"Connection\w*|FailedToOpenSocket|Timeout|ENETUNREACH|NetworkUnreachable",
        "The registry {registry} cannot be reached.",
        "Check the network, or ask whoever runs this machine for a registry that answers (BUN_SANDBOX_REGISTRY).",
    ),
    (
        r"nothing to remove|not in a package\.json|not found in package\.json",
        "That is not installed.",
        "`%bun list` lists what is.",
    ),
)


def explained(said: str, policy: SandboxPolicy) -> InstallFailed:
    """Return the error for what ``bun`` printed; its own last words where nobody knows them."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", said[-8000:])
    text = "".join(char for char in text if char.isprintable() or char == "\n")
    for pattern, message, remedy in _CAUSES:
        if found := re.search(pattern, text):
            groups = {name: value[:214] for name, value in found.groupdict("").items()}
            words = {"registry": policy.registry, "age": _days(policy.minimum_release_age_s), "name": "", "range": ""}
            words |= {name: value.replace("%2f", "/").replace("%2F", "/") for name, value in groups.items()}
            return InstallFailed(message.format_map(words), remedy)
    last = [line.strip() for line in text.splitlines() if "error" in line.lower()] or ["it said nothing"]
    return InstallFailed(
        f"Bun could not install: {last[-1][:300].rstrip('.')}.", "Try again, or ask for other versions."
    )


def _days(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    return f"{days} days" if days and not rest else f"{seconds} s"


def require(names: Sequence[str], present: Sequence[Package]) -> None:
    """Raise UsageError for a name that was not added."""
    added = {package.name for package in present if package.direct}
    if missing := [name for name in names if spec(name)[0] not in added]:
        raise UsageError(f"{missing[0]} was not added.", "`%bun list` shows what was.")


def sentence(before: Sequence[Package], done: Installed | Listed) -> str:
    """Say what has changed: names with versions of what was asked for, and how many came along."""
    if isinstance(done, Listed):
        return "These have newer versions." if done.packages else "There is nothing newer."
    old, new = set(before), set(done.packages)
    added, gone = sorted(new - old), sorted(old - new)
    named = [f"{p.name}@{p.version}" for p in added if p.direct]
    others = len(added) - len(named)
    left = [p for p in gone if p.name not in {q.name for q in added}]
    dropped = [f"{p.name}@{p.version}" for p in left if p.direct]
    said = []
    if added:
        more = (
            f" with {others} other{'s' * (others > 1)}" if others and named else f"{others} packages" if others else ""
        )
        said.append(f"Added {', '.join(named)}{more}.")
    if left:
        said.append(f"Removed {', '.join(dropped) or f'{len(left)} packages'}.")
    if gone:
        said.append("What cells have imported before stays as it is until the kernel restarts.")
    return " ".join(said) or "Everything is installed already."


def require_on(policy: SandboxPolicy) -> None:
    """Raise PolicyError where packages are off."""
    if policy.packages == "off":
        raise PolicyError("Packages are off (BUN_SANDBOX_PACKAGES).", "Ask whoever runs this machine.")
