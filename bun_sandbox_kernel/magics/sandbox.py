"""The sandbox itself: what limits it, what it says, and a new one."""

from __future__ import annotations

from .. import limits as table
from ..errors import UsageError
from .call import Call


async def limits(call: Call) -> None:
    """Show what limits the sandbox, and by which variable it is set.

    Usage: %sandbox_limits
    """
    if call.argument:
        raise UsageError(
            f"%sandbox_limits does not take {call.argument[:40]!r}.", "Limits are set before the kernel starts."
        )
    call.say(table.as_text(call.place.settings.policy()))
