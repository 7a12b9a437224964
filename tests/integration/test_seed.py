"""Every command and every setting with which people run the container by hand, as they are written."""

from __future__ import annotations

import json
import subprocess
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bun_sandbox_kernel import image
from bun_sandbox_kernel.engines.docker import DockerEngine
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conftest import eventually
from tests.integration.operator import (
    DOCKER,
    NAME,
    await_health,
    broken,
    compose,
    execute,
    inspect,
    lawful,
    self_check,
    sh,
)

RUN = r"""docker run -d \
  --name bun-sandbox \
  --read-only \
  --cap-drop=ALL \
  --security-opt=no-new-privileges:true \
  --security-opt=seccomp=seccomp-profile.json \
  -m 256m \
  --cpus=0.5 \
  --pids-limit=50 \
  -p 127.0.0.1:9998:9998 \
  -p 127.0.0.1:9999:9999 \
  --tmpfs /tmp:size=64M,mode=1777,noexec,nosuid,nodev \
  --tmpfs /sandbox/code:size=32M,mode=0755,noexec,nosuid,nodev \
  bun-sandbox"""
CURL = r"""curl -X POST http://localhost:9998/execute \
  -H "Content-Type: application/json" \
  -d '{"code": "console.log(\"Hello from sandbox!\")"}'"""
REACH = """
const net = await import("node:net");
const connect = (host, port) => new Promise((resolve) => {
  const socket = net.connect(port, host, () => resolve("open"));
  socket.on("error", (error) => resolve(error.code));
  setTimeout(() => resolve("silent"), 1500);
});
"""


pytestmark = pytest.mark.usefixtures("ports")


@pytest.fixture
def base() -> Iterator[str]:
    """Return what to build on here; afterwards the tag is that of `bun-sandbox image build` again."""
    hub = sh(f"docker image inspect {image.official_base()} || docker pull {image.official_base()}").returncode == 0
    yield image.official_base() if hub else image.base_reference()
    DockerEngine().ensure_image(lambda _: None)


def test_the_command_of_the_page_starts_a_container_with_every_limit() -> None:
    page = (DOCKER / "README.md").read_text("utf-8")
    sh("docker network rm bun-sandbox-isolated")
    lawful(f"docker network create{page.partition('docker network create')[2].partition('```')[0]}")
    await_health()
    assert json.loads(lawful(CURL))["stdout"] == "Hello from sandbox!\n"
    assert broken() == []


def edited(folder: Path, settings: str) -> str:
    """Return the command of compose with the file as it is after somebody has put these settings in."""
    file = yaml.safe_load((DOCKER / "docker-compose.yml").read_text("utf-8"))
    file["services"][NAME].update(yaml.safe_load(settings))
    (folder / "docker-compose.yml").write_text(yaml.safe_dump(file), "utf-8")
    return f"{compose()} --project-directory . --file {folder / 'docker-compose.yml'}"


def up(settings: str, folder: Path) -> Any:
    """Start with these settings; return what the engine says of the container."""
    lawful(f"{edited(folder, settings)} up -d")
    return inspect()


def follows(command: str, expected: str) -> bool:
    """Say whether a command that does not end by itself prints the text within a minute."""
    limited = ["timeout", "--kill-after=5", "60", "sh", "-c", f"exec {command}"]
    with subprocess.Popen(limited, cwd=DOCKER, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            return any(expected in line for line in process.stdout)
        finally:
            process.terminate()


def test_a_built_image_that_is_run_by_hand_executes_code(base: str) -> None:
    lawful(f"docker build --build-arg BASE={base} -t bun-sandbox .")
    lawful(RUN)
    await_health()
    assert json.loads(lawful(CURL))["stdout"] == "Hello from sandbox!\n"
    held = self_check()
    assert held["seccomp"] == 2
    assert held["capabilities"] == []
    assert (held["memory_bytes"], held["pids"]) == (256 << 20, 50)
    assert execute("await Bun.write('/tmp/a', 'b'); await Bun.write('own.txt', 'c')")["outcome"] == "ok"


def test_compose_brings_up_a_container_with_every_limit_and_its_commands_work() -> None:
    lawful(f"{compose()} up -d")
    await_health()
    assert broken() == []
    assert NAME in lawful(f"{compose()} ps")
    assert json.loads(lawful(CURL))["stdout"] == "Hello from sandbox!\n"
    assert follows(f"{compose()} logs -f", '"event":"execution"')
    assert json.loads(lawful("curl http://localhost:9999/health"))["status"] == "ok"
    assert follows("docker stats bun-sandbox", "256MiB")
    assert lawful("docker inspect bun-sandbox | jq '.[0].HostConfig.Memory'") == "268435456\n"
    assert follows("docker logs -f bun-sandbox", '"event":"execution"')
    assert '"event":"execution"' in lawful("docker logs --tail 100 bun-sandbox")
    for port in (9998, 9999):
        assert "LISTEN" in lawful(f"lsof -i :{port}")


def test_compose_rebuilds_and_replaces(base: str) -> None:
    lawful(f"{compose()} up -d")
    before = inspect()["Id"]
    lawful(f"{compose()} build --no-cache", BASE=base)
    lawful(f"{compose()} up -d")
    assert inspect()["Id"] != before
    await_health()


def test_what_compose_starts_is_the_image_of_kernels() -> None:
    lawful(f"{compose()} up -d")
    assert inspect()["Image"] == DockerEngine().inspect_image()["Id"]


def test_from_inside_neither_the_internet_nor_a_name_nor_another_container_is_reached() -> None:
    lawful(f"{compose()} up -d")
    await_health()
    other = lawful(f"docker run -d --network bun-sandbox-isolated {NAME}").strip()
    try:
        address = json.loads(lawful(f"docker inspect {other}"))[0]["NetworkSettings"]["Networks"]
        (network,) = address.values()
        places = json.dumps([["1.1.1.1", 443], [network["IPAddress"], 9998]])
        assert execute(f"{REACH} await Promise.all({places}.map(([host, port]) => connect(host, port)))")["result"] == {
            "text/plain": '[ "silent", "silent" ]'
        }
        name = execute('await Promise.race([Bun.dns.lookup("example.com"), Bun.sleep(3000)]).catch(() => undefined)')
        assert (name["outcome"], name["result"]) == ("ok", None)
    finally:
        lawful(f"docker rm --force {other}")


@pytest.mark.parametrize("spelling", ["seccomp:unconfined", "seccomp=unconfined"])
def test_the_filter_of_system_calls_can_be_taken_away(spelling: str, tmp_path: Path) -> None:
    up(f"security_opt: [no-new-privileges:true, {spelling}]", tmp_path)
    await_health()
    assert self_check()["seccomp"] == 0


@pytest.fixture
def derived(tmp_path: Path, engine: DockerEngine) -> Iterator[str]:
    """Build an image of one's own on top, with the line of the page; yield its name."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "own.txt").write_text("mine", "utf-8")
    lines = f"FROM {image.reference()}\nCOPY --chown=sandbox:sandbox src/ /sandbox/\n"
    (tmp_path / "Dockerfile").write_text(lines, "utf-8")
    lawful("docker build -t bun-sandbox-test-derived .", folder=tmp_path)
    yield "bun-sandbox-test-derived"
    lawful("docker rmi bun-sandbox-test-derived")


def test_files_of_an_image_on_top_belong_to_the_user_sandbox(derived: str) -> None:
    look = "console.log(require('fs').statSync('/sandbox/own.txt').uid)"
    assert lawful(f'docker run --rm --entrypoint /usr/local/bin/bun {derived} -e "{look}"') == "10001\n"


def test_the_filter_can_be_taken_away_from_the_shell() -> None:
    lawful(f"{compose()} up -d", BUN_SANDBOX_SECCOMP="unconfined")
    await_health()
    assert self_check()["seccomp"] == 0


def test_the_profile_is_found_by_its_name(tmp_path: Path) -> None:
    options = up("security_opt: [no-new-privileges:true, seccomp=seccomp-profile.json]", tmp_path)["HostConfig"][
        "SecurityOpt"
    ]
    (profile,) = (one.removeprefix("seccomp=") for one in options if one.startswith("seccomp="))
    assert json.loads(profile) == json.loads(SandboxPolicy().seccomp())
    await_health()
    assert self_check()["denied_call"] is True


def test_the_network_none_isolates_completely(tmp_path: Path) -> None:
    container = up("networks: [none]", tmp_path)
    assert container["State"]["Running"] is True
    assert not any(container["NetworkSettings"]["Ports"].values())
    (network,) = container["NetworkSettings"]["Networks"].values()
    places = json.dumps([["1.1.1.1", 443], [network["Gateway"], 22]])
    code = f"{REACH} console.log((await Promise.all({places}.map(([h, p]) => connect(h, p)))).join()); process.exit()"
    said = lawful(f"docker exec {NAME} /usr/local/bin/bun -e '{code}'").strip()
    assert "open" not in said.split(",")
    assert "ECONNREFUSED" not in said


def test_without_a_network_there_is_a_socket() -> None:
    files = f"{compose()} -f docker-compose.yml -f compose.no-network.yml"
    lawful(f"{files} up -d")
    folder = Path(lawful("docker volume inspect -f '{{.Mountpoint}}' bun-sandbox-socket").strip())
    ask = f"curl --silent --fail --unix-socket {folder}/http.sock"
    assert eventually(lambda: sh(f"{ask} http://localhost/health").returncode == 0)
    answer = lawful(f'{ask} http://localhost/execute -d \'{{"code": "6 * 7"}}\'')
    assert json.loads(answer)["result"] == {"text/plain": "42"}
    assert inspect()["HostConfig"]["NetworkMode"] == "none"
    lawful(f"{files} down --volumes")


def test_more_ulimits_are_taken(tmp_path: Path) -> None:
    limits = "{nproc: 50, nofile: {soft: 1024, hard: 2048}, fsize: 104857600}"
    found = {
        one["Name"]: (one["Soft"], one["Hard"]) for one in up(f"ulimits: {limits}", tmp_path)["HostConfig"]["Ulimits"]
    }
    assert found == {"nproc": (50, 50), "nofile": (1024, 2048), "fsize": (104857600, 104857600)}
    # Where other sandboxes have taken those processes, it starts again and again until they have gone.
    assert eventually(_executes, 120)


def test_the_environment_reaches_the_sandbox(tmp_path: Path) -> None:
    up("environment: [NODE_ENV=test, MAX_EXECUTION_TIME=700, MAX_MEMORY=160m]", tmp_path)
    limits = await_health()["limits"]
    assert (limits["max_execution_ms"], limits["max_memory_bytes"]) == (700, 160 << 20)
    assert execute("process.env.NODE_ENV")["result"] == {"text/plain": '"test"'}
    assert execute("while (true) {}")["outcome"] == "timeout"


def test_memory_can_be_raised_by_hand_and_by_a_file(tmp_path: Path) -> None:
    host = up("{mem_limit: 512m, memswap_limit: 512m}", tmp_path)["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 512 << 20
    lawful(f"{compose()} -f docker-compose.yml -f compose.memory.yml up -d")
    assert inspect()["HostConfig"]["Memory"] == inspect()["HostConfig"]["MemorySwap"] == 512 << 20
    await_health()
    assert execute("new Uint8Array(250 << 20).fill(1).length")["outcome"] == "ok"


def test_limits_and_an_audit_are_asked_for_in_the_shell() -> None:
    lawful(f"{compose()} up -d", MAX_EXECUTION_TIME="900", MAX_MEMORY="100m", BUN_SANDBOX_AUDIT="1")
    limits = await_health()["limits"]
    assert (limits["max_execution_ms"], limits["max_memory_bytes"]) == (900, 100 << 20)
    execute("console.log('heard')")
    assert eventually(lambda: '"stdout":"heard\\n"' in lawful(f"docker logs {NAME}"))


def test_logs_are_rotated(tmp_path: Path) -> None:
    options = '{driver: json-file, options: {max-size: "10m", max-file: "3"}}'
    log = up(f"logging: {options}", tmp_path)["HostConfig"]["LogConfig"]
    assert log == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def test_a_secret_of_the_environment_or_of_a_file_is_asked_for(tmp_path: Path) -> None:
    lawful(f"{compose()} up -d", BUN_SANDBOX_SECRET="s3cret")
    _only_to("s3cret")
    secret = tmp_path / "secret.txt"
    secret.write_text("0ther\n", "utf-8")
    tmp_path.chmod(0o755)
    override = tmp_path / "secret.yml"
    override.write_text(
        (DOCKER / "compose.secret.yml").read_text("utf-8").replace("./secret.txt", str(secret)), "utf-8"
    )
    lawful(f"{compose()} -f docker-compose.yml -f {override} up -d")
    _only_to("0ther")
    read = "require('node:fs').readFileSync('/run/secrets/bun_sandbox_secret')"
    assert execute(read, Authorization="Bearer 0ther")["error"]["message"].startswith("EACCES")


def _only_to(secret: str) -> None:
    await_health()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        execute("1")
    assert execute("1", Authorization=f"Bearer {secret}")["outcome"] == "ok"


def _executes() -> bool:
    try:
        return bool(execute("1 + 1")["outcome"] == "ok")
    except OSError:
        return False
