"""A real JupyterLab server and a headless Chromium for the end-to-end laws."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.request import Request, urlopen

import pytest
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import eventually

ROOT = Path(__file__).parents[2]
KERNEL = "bun_sandbox"
DEADLINE_MS = 60_000
SERVER_START_S = 60

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAB_FLAGS = ["--allow-root", "--LabApp.extension_manager=readonly"]
QUIET_NOTIFICATIONS = {"fetchNews": "false", "checkForUpdates": False}

expect.set_options(timeout=DEADLINE_MS)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    base: str
    token: str

    @property
    def fresh_workspace(self) -> str:
        return f"{self.base}lab?reset&token={self.token}"

    def get(self, path: str) -> bytes:
        """Return what the server answers to somebody with the token."""
        request = Request(f"{self.base}{path}", headers={"Authorization": f"token {self.token}"})
        with urlopen(request, timeout=SERVER_START_S) as answer:
            return bytes(answer.read())

    def shut_down_kernels(self, page: Page) -> None:
        headers = {"Authorization": f"token {self.token}"}
        sessions = f"{self.base}api/sessions"
        for session in page.request.get(sessions, headers=headers).json():
            page.request.delete(f"{sessions}/{session['id']}", headers=headers)


def absent(what: str) -> NoReturn:
    """Skip, but fail where the environment promises everything that is needed."""
    if "docker" in os.environ.get("REQUIRE_ENGINES", ""):
        pytest.fail(f"REQUIRE_ENGINES promises docker, but {what}")
    pytest.skip(f"NOTHING IS TESTED END TO END: {what}")


def _kernel_data_dir() -> Path:
    """The Jupyter data folder in which the kernelspec is installed."""
    try:
        spec = KernelSpecManager().get_kernel_spec(KERNEL)
    except NoSuchKernel:
        absent(f"the kernelspec {KERNEL} is not installed")
    return Path(spec.resource_dir).parents[1]


def _lab_environment(home: Path, jupyter_path: str) -> dict[str, str]:
    """The surrounding environment, with every Jupyter folder moved below home."""
    return os.environ | {
        "JUPYTER_PATH": jupyter_path,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }


def _silence_notifications(home: Path) -> None:
    folder = home / "settings" / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True)
    settings = folder / "notification.jupyterlab-settings"
    settings.write_text(json.dumps(QUIET_NOTIFICATIONS))


def _announced_port(runtime: Path) -> int | None:
    """The port from the file that a server writes once it listens."""
    for info in runtime.glob("jpserver-*.json"):
        try:
            return int(json.loads(info.read_text())["port"])
        except ValueError:  # half-written
            return None
    return None


def _await_port(server: subprocess.Popen[bytes], home: Path) -> int:
    deadline = time.monotonic() + SERVER_START_S
    while time.monotonic() < deadline and server.poll() is None:
        if port := _announced_port(home / "runtime"):
            return port
        try:
            server.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("JupyterLab did not start:\n" + (home / "log").read_text())


@contextmanager
def serving(command: list[str], home: Path, jupyter_path: str = "") -> Iterator[Lab]:
    """Run a command that starts JupyterLab, configured by a file; its whole process group is gone at the end."""
    token = secrets.token_hex(16)
    listening = {"ip": "127.0.0.1", "port": 0, "open_browser": False}
    config = {"ServerApp": listening, "IdentityProvider": {"token": token}}
    (home / "config").mkdir()
    (home / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
    env = _lab_environment(home, jupyter_path)
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield Lab(f"http://127.0.0.1:{_await_port(server, home)}/", token)
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if _signal_group(server, number) and eventually(lambda: not _signal_group(server, 0)):
                break


def _signal_group(server: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to every process of the group; return whether there was one."""
    server.poll()
    try:
        os.killpg(server.pid, number)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("jupyter")
    root = tmp_path_factory.mktemp("notebooks")
    _silence_notifications(home)
    path = os.pathsep.join(filter(None, [str(_kernel_data_dir()), os.environ.get("JUPYTER_PATH")]))
    with serving([sys.executable, "-m", "jupyterlab", *LAB_FLAGS, f"--ServerApp.root_dir={root}"], home, path) as lab:
        yield lab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        absent("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("E2E_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(browser: Browser, lab: Lab, screenshots: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh workspace."""
    with _open_page(browser, lab) as page, _photographed(page, screenshots, request):
        yield page


@pytest.fixture(scope="module")
def lasting_page(browser: Browser, lab: Lab) -> Iterator[Page]:
    """A workspace for many tests, since JupyterLab takes seconds to open."""
    with _open_page(browser, lab) as page:
        yield page


@pytest.fixture
def shared_page(lasting_page: Page, screenshots: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    with _photographed(lasting_page, screenshots, request):
        yield lasting_page


@contextmanager
def _open_page(browser: Browser, lab: Lab) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(DEADLINE_MS)
    page = context.new_page()
    page.goto(lab.fresh_workspace)
    yield page
    lab.shut_down_kernels(page)
    context.close()


@contextmanager
def _photographed(page: Page, screenshots: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep what the page looked like when the test fails."""
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        page.screenshot(path=screenshots / f"{request.node.name}.png")
