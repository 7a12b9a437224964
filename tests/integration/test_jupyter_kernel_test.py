"""The Jupyter project's own test of kernels."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import TestCase, mock

import jupyter_kernel_test
import pytest

from bun_sandbox_kernel.engines.docker import DockerEngine
from tests.integration.kernels import install_spec

PLAIN, NUMBER = "\x1b[0m", "\x1b[0m\x1b[33m"
"""Values are shown in color, as Bun itself prints them to a terminal."""


class _Installed(TestCase):
    """The kernelspec in a folder of its own, and the history too."""

    kernel_name = "bun_sandbox"

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        install_spec(Path(folder.name, "kernels"))
        places = {"JUPYTER_PATH": folder.name, "JUPYTER_DATA_DIR": str(Path(folder.name, "data"))}
        environment = mock.patch.dict(os.environ, places)
        environment.start()
        cls.addClassCleanup(environment.stop)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.km.cleanup_resources()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_built")
class TestBunSandbox(_Installed, jupyter_kernel_test.KernelTests):
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('oops')"
    code_generate_error = "throw new Error('on purpose')"
    code_clear_output = "clearOutput()"
    code_page_something = "JSON.stringify?"
    code_inspect_sample = "JSON.stringify"
    code_execute_result = [  # noqa: RUF012  (the base class declares it so)
        {"code": "6 * 7", "result": f"{NUMBER}42{PLAIN}"},
        {"code": "await Promise.resolve(1)", "result": f"{NUMBER}1{PLAIN}"},
    ]
    code_display_data = [  # noqa: RUF012
        {"code": "await display(html`<b>x</b>`)", "mime": "text/html"},
    ]
    completion_samples = [  # noqa: RUF012
        {"text": "Math.hyp", "matches": ["hypot"]},
        {"text": "'🥟'; JSON.stringif", "matches": ["stringify"]},
        {"text": "thisNameIsNowhere"},
    ]
    complete_code_samples = ["1 + 1", "const x: number = 1", "function f() {\n}\n"]  # noqa: RUF012
    incomplete_code_samples = ["function f() {", "const a = [1,", "`open"]  # noqa: RUF012
    invalid_code_samples = ["let x = ;", "const 1a = 2"]  # noqa: RUF012
    supported_history_operations = ("tail", "range", "search")  # type: ignore[assignment]
    code_history_pattern = "6 ? 7"

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # What is asked about code has no answer until there is a sandbox to ask.
        cls.kc.execute_interactive("0", timeout=90)


@pytest.mark.usefixtures("_built")
class TestWelcome(_Installed, jupyter_kernel_test.IopubWelcomeTests):
    support_iopub_welcome = True


@pytest.fixture(scope="module")
def _built(engine: DockerEngine) -> None:
    assert engine.name == "docker"
