"""What people know from IPython and other notebooks, and what to do here instead."""

from __future__ import annotations

from ..errors import UsageError

_IMAGES = "Show pictures with `display(...)`, `image(...)` or a Vega-Lite or Plotly value."
_NO_SHELL = "There is no shell in the sandbox."
_FILES = "Use `%files`, or `import fs from 'node:fs'`."
_PACKAGES = "Packages are added with `%bun add {}`."

_MAGICS = {
    "%matplotlib": ("matplotlib is Python's.", _IMAGES),
    "%pylab": ("pylab is Python's.", _IMAGES),
    "%pip": ("pip is Python's.", _PACKAGES.format("NAME")),
    "%conda": ("conda is Python's.", _PACKAGES.format("NAME")),
    "%npm": ("There is no npm in the sandbox.", _PACKAGES.format("NAME")),
    "%cd": ("Cells run in /sandbox/code.", "Use `process.chdir(...)`."),
    "%pwd": ("Cells run in /sandbox/code.", "Use `process.cwd()`."),
    "%ls": (_NO_SHELL, _FILES),
    "%cat": (_NO_SHELL, "Use `await Bun.file(path).text()`."),
    "%reset": ("Variables are cleared with `%sandbox_reset`.", ""),
    "%whos": ("Variables are listed by `%vars`.", ""),
    "%history": ("Jupyter keeps the history.", "In a console, press the up arrow; `In` and `Out` hold this session's."),
    "%debug": ("There is no debugger.", "Print with `console.log`, or throw: tracebacks point at your lines."),
    "%autoreload": ("Changed files are read again when a cell imports them.", ""),
    "%load_ext": ("Extensions are IPython's.", "`%lsmagic` lists what is there."),
    "%%bash": (_NO_SHELL, "Start programs with `Bun.spawn`; the sandbox holds Bun alone."),
    "%%sh": (_NO_SHELL, "Start programs with `Bun.spawn`; the sandbox holds Bun alone."),
    "%%script": (_NO_SHELL, "Start programs with `Bun.spawn`; the sandbox holds Bun alone."),
    "%%python": ("There is no Python in the sandbox.", "Open a notebook with a Python kernel."),
    "%%javascript": ("Cells are TypeScript already, and run in the sandbox, not in the page.", "Leave the line out."),
    "%%js": ("Cells are TypeScript already, and run in the sandbox, not in the page.", "Leave the line out."),
    "%%typescript": ("Cells are TypeScript already.", "Leave the line out."),
    "%%latex": ("There is no %%latex.", "Use `%%markdown` with $…$, or `display.latex(...)`."),
    "%%capture": ("There is no %%capture.", "Collect what you need in a variable."),
    "%%file": ("Files are written by `%%writefile`.", ""),
}
_INSTALLERS = frozenset({"npm", "npx", "pnpm", "yarn", "bun", "bunx", "pip", "apt"})


def magic(name: str) -> UsageError | None:
    """Return what to do in place of a magic of IPython's; None for one that nobody knows."""
    said = _MAGICS.get(name)
    return None if said is None else UsageError(f"{name}: {said[0]}", said[1])


def shell(command: str) -> UsageError:
    """Return what to do in place of a line for a shell."""
    program, _, rest = command.partition(" ")
    if program in _INSTALLERS:
        names = [word for word in rest.split()[1:] if not word.startswith("-")]
        remedy = _PACKAGES.format(" ".join(names)[:80] or "NAME")
    else:
        remedy = f"{_FILES} Other programs are not there either: the sandbox holds Bun alone."
    return UsageError(f"`!{command[:60]}` is for a shell. {_NO_SHELL}", remedy)
