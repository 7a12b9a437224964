"""``python -m bun_sandbox_kernel -f {connection_file}``: starts the kernel.

The sandbox starts first and in a thread, since it takes as long as the imports below.
"""

from __future__ import annotations

import os


def main() -> None:
    """Run the kernel until it is shut down."""
    from .admin import AdminPolicy
    from .errors import PolicyError
    from .launch import Launch

    try:
        launch = Launch(AdminPolicy.read().policy(os.environ))
    except PolicyError:
        launch = None  # the first cell will say so

    from .app import BunSandboxApp

    app = BunSandboxApp.instance()
    app.initialize()
    app.adopt(launch)
    app.start()


if __name__ == "__main__":
    main()
