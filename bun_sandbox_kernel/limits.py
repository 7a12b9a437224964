"""Pure: a policy → the table that a person reads."""

from __future__ import annotations

from .policy import MIB, SandboxPolicy, parse_bytes, settings

_RED = "\x1b[1;31m{}\x1b[0m"


def as_text(policy: SandboxPolicy) -> str:
    """Return one line for each limit that can be set, how it is set, and in red what is weakened."""
    rows = [(name, _shown(policy, name), setting.variable) for name, setting in settings().items()]
    wide = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{name:{wide[0]}}  {value:{wide[1]}}  {variable}" for name, value, variable in rows]
    lines += [_RED.format(f"weakened: {said}") for said in policy.weakened]
    return "\n".join(lines) + "\n"


def _shown(policy: SandboxPolicy, name: str) -> str:
    setting = settings()[name]
    value = getattr(policy, setting.field)
    if setting.parse is parse_bytes:
        return f"{value // MIB}m"
    if isinstance(value, frozenset):
        return ",".join(sorted(value)) or "nothing"
    if name == "max_execution_time":
        return f"{value} ms" if value else "no limit"
    return f"{value}"
