"""What whoever runs the machine has decided, in a file that users cannot write: defaults, caps and locks of the policy.

    [default]            # for a kernel that asks for nothing
    memory = "512m"
    [max]                # the most that a kernel may ask for
    memory = "2g"
    cpus = 2
    [lock]               # what no kernel may change
    network = "none"

Law: a file that cannot be read, or says what nobody understands, stops the start; it is not passed over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from .errors import PolicyError
from .policy import SandboxPolicy, Setting, settings

POLICY_FILE = Path("/etc/bun-sandbox/policy.toml")
_SECTIONS = ("default", "max", "lock")
_ASK = "Unset it, or ask whoever runs this machine."


@dataclass(frozen=True)
class AdminPolicy:
    """The sections of the file: name of a line → its value as text."""

    path: Path = POLICY_FILE
    default: Mapping[str, str] = field(default_factory=dict)
    max: Mapping[str, str] = field(default_factory=dict)
    lock: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path = POLICY_FILE) -> AdminPolicy:
        """Read the file, if there is one. Raises PolicyError."""
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError) as error:
            _fault(path, f"cannot be read: {error}")
        import tomllib

        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            _fault(path, f"is not TOML: {error}")
        for name, section in content.items():
            if name not in _SECTIONS or not isinstance(section, dict):
                _fault(path, f'says "{name}"; its sections are [default], [max] and [lock]')
        sections = {name: _texts(path, content.get(name, {})) for name in _SECTIONS}
        for name in sections["max"]:
            if not settings()[name].is_number:
                _fault(path, f'has a [max] for "{name}", which is no number; use [lock]')
        return cls(path, **sections)

    def policy(self, environment: Mapping[str, str], limits: Mapping[str, str] | None = None) -> SandboxPolicy:
        """Return the policy of a kernel that asks by ``BUN_SANDBOX_*`` and by its configuration. Raises PolicyError.

        Where both ask, the environment wins: it is the nearer one.
        """
        configured = limits or {}
        for name in configured:
            if name not in settings():
                raise PolicyError(f'There is no limit "{name}".', f"There are {', '.join(settings())}.")
        values = {}
        for name, setting in settings().items():
            asked = environment.get(setting.variable) or configured.get(name)
            value = self._value(name, setting, asked)
            if value is not None:
                values[setting.field] = value
        return SandboxPolicy(**values)

    def _value(self, name: str, setting: Setting, asked: str | None) -> Any:
        """Return the value of one line; None for the one that is built in."""
        if name in self.lock:
            locked = self._own(setting, self.lock[name])
            if asked is not None and setting.read(asked) != locked:
                given = f'{setting.variable} is "{asked}", but {self.path} locks it at "{self.lock[name]}".'
                raise PolicyError(given, _ASK)
            return locked
        given_text = asked if asked is not None else self.default.get(name)
        value = None if given_text is None else setting.read(given_text)
        if name not in self.max:
            return value
        most = self._own(setting, self.max[name])
        if _size(name, setting.default if value is None else value) <= _size(name, most):
            return value
        if asked is not None:
            allowed = f'{setting.variable} is "{asked}", but {self.path} allows at most "{self.max[name]}".'
            raise PolicyError(allowed, "Ask for less, or ask whoever runs this machine.")
        return most

    def _own(self, setting: Setting, text: str) -> Any:
        try:
            return setting.read(text)
        except PolicyError as error:
            _fault(self.path, f'says "{text}", which is not {setting.allowed} ({error.message})')


def _texts(path: Path, section: Mapping[str, object]) -> dict[str, str]:
    texts = {}
    for name, value in section.items():
        if name not in settings():
            _fault(path, f'says "{name}"; there are {", ".join(settings())}')
        texts[name] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return texts


def _size(name: str, value: float) -> float:
    return math.inf if name == "max_execution_time" and value == 0 else value


def _fault(path: Path, fault: str) -> NoReturn:
    raise PolicyError(f"The policy file {path} {fault}.", "Whoever runs this machine has to mend it.")
