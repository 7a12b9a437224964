"""What the session holds: its variables and its environment."""

from __future__ import annotations

import json
import re

from .. import views
from ..errors import UsageError
from .call import Call

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:\s*=\s*|\s+)(?P<value>.+)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")


async def variables(call: Call) -> None:
    """List the session's variables with kind, size and a short value.

    Usage: %vars [NAME ...]

    The size is that of the value itself, without what it refers to.
    """
    wanted = set(call.argument.split())
    found = [
        variable for variable in await (await call.place.session()).variables() if not wanted or variable.name in wanted
    ]
    if missing := wanted - {variable.name for variable in found}:
        raise UsageError(f"There is no variable {', '.join(sorted(missing))[:80]}.", "`%who` lists the names.")
    if found:
        call.display(views.variables.bundle(found))
    else:
        call.say(_NONE)


async def who(call: Call) -> None:
    """List the names of the session's variables.

    Usage: %who
    """
    if call.argument:
        raise call.refuse("Usage: %who")
    names = [variable.name for variable in await (await call.place.session()).variables()]
    call.say("  ".join(names) + "\n" if names else _NONE)


async def env(call: Call) -> None:
    """Show or set variables of the environment that cells see as process.env.

    Usage: %env [NAME | NAME=VALUE]

    What is set here ends with the session; a value is taken as it stands.
    """
    name, value = call.argument, None
    if assigned := _ASSIGNMENT.fullmatch(call.argument):
        name, value = assigned["name"], assigned["value"]
    if name and not _NAME.fullmatch(name):
        raise call.refuse("Usage: %env [NAME | NAME=VALUE]")
    if value is not None:
        code = f"process.env[{json.dumps(name)}] = {json.dumps(value)}; console.log({json.dumps(f'{name}={value}')});"
    elif name:
        unset = json.dumps(f"{name} is not set")
        code = f"console.log(process.env[{json.dumps(name)}] ?? {unset});"
    else:
        code = "for (const [$name, $value] of Object.entries(process.env)) console.log(`${$name}=${$value}`);"
    await call.place.run(call.in_place(code))


_NONE = "There are no variables yet.\n"
