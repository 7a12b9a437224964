"""Cells that are not TypeScript: shown as they are."""

from __future__ import annotations

from .call import Call


async def html(call: Call) -> None:
    """Show the cell as HTML.

    Usage: %%html
    """
    _show(call, "text/html")


async def markdown(call: Call) -> None:
    """Show the cell as Markdown, formulas between dollar signs too.

    Usage: %%markdown
    """
    _show(call, "text/markdown")


async def svg(call: Call) -> None:
    """Show the cell as an SVG picture.

    Usage: %%svg
    """
    _show(call, "image/svg+xml")


def _show(call: Call, mime: str) -> None:
    if call.argument:
        raise call.refuse("Write what is to be shown below it.")
    text = call.body
    call.display({mime: text, "text/plain": text})
