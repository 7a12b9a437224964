"""Who the code runs as, and the ways to become more."""

from __future__ import annotations

import pytest

from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import REFUSED, number

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_MM, PR_CAP_AMBIENT = 4, 38, 24, 35, 47
RLIMIT_FSIZE, RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_MSGQUEUE = 1, 4, 7, 12
EPERM = 1


@pytest.fixture(scope="module")
def status(inside: Inside) -> dict[str, str]:
    lines = str(inside.ask("fs.readFileSync('/proc/self/status', 'utf8')")).splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_the_user_is_nobody_of_the_host(status: dict[str, str]) -> None:
    assert set(status["Uid"].split()) == {"10001"}
    assert set(status["Gid"].split()) == {"10001"}
    assert set(status["Groups"].split()) <= {"10001"}


@pytest.mark.parametrize("capabilities", ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
def test_there_are_no_capabilities(status: dict[str, str], capabilities: str) -> None:
    assert int(status[capabilities], 16) == 0


def test_a_child_has_no_capabilities_either(inside: Inside) -> None:
    code = "console.log(require('fs').readFileSync('/proc/self/status', 'utf8').match(/CapEff:\\t(.*)/)[1])"
    assert int(inside.ask(f"Bun.spawnSync([process.execPath, '-e', {code!r}]).stdout.toString()"), 16) == 0


def test_privileges_cannot_be_gained(status: dict[str, str]) -> None:
    assert status["NoNewPrivs"] == "1"


def test_the_bar_to_new_privileges_cannot_be_lifted(inside: Inside) -> None:
    returned, errno = inside.call(number("prctl"), str(PR_SET_NO_NEW_PRIVS), "0")
    assert (returned, errno in REFUSED) == (-1, True)


@pytest.mark.parametrize("option", [PR_SET_DUMPABLE, (1 << 32) + PR_SET_DUMPABLE])
def test_a_worker_cannot_open_itself_again(inside: Inside, option: int) -> None:
    returned, errno = inside.call(number("prctl"), f"{option}n", "1")
    assert (returned, errno in REFUSED) == (-1, True)


@pytest.mark.parametrize("file", ["environ", "mem", "oom_score_adj", "fd", "cwd"])
def test_a_worker_is_closed_to_the_others_of_its_user(inside: Inside, file: str) -> None:
    flag = "w" if file == "oom_score_adj" else "r"
    look = f"fs.openSync('/proc/' + process.ppid + '/{file}', '{flag}')"
    code = (
        f"try {{ require('fs').{look.removeprefix('fs.')}; console.log('open') }} catch (e) {{ console.log(e.code) }}"
    )
    assert inside.ask(f"Bun.spawnSync([process.execPath, '-e', {code!r}]).stdout.toString().trim()") == "EACCES"


@pytest.mark.parametrize("operation", [PR_CAPBSET_DROP, PR_SET_MM, PR_CAP_AMBIENT])
def test_prctl_grants_nothing(inside: Inside, operation: int) -> None:
    returned, errno = inside.call(number("prctl"), str(operation), "2", "21")
    assert (returned, errno in REFUSED) == (-1, True)


def test_system_calls_are_filtered(status: dict[str, str]) -> None:
    assert status["Seccomp"] == "2"


@pytest.mark.parametrize("method", ["setuid", "seteuid", "setgid", "setegid"])
def test_nobody_becomes_root(inside: Inside, method: str) -> None:
    assert inside.code(f"process.{method}(0)") != "none"
    assert inside.ask("[process.getuid(), process.geteuid(), process.getgid(), process.getegid()]") == [10001] * 4


def test_no_program_is_set_uid(inside: Inside) -> None:
    search = (
        "['/usr', '/lib', '/lib64', '/opt', '/etc', '/sandbox'].flatMap((top) =>"
        "fs.readdirSync(top, { recursive: true }).map((name) => `${top}/${name}`))"
        ".filter((path) => fs.lstatSync(path).mode & 0o6000)"
    )
    assert inside.ask(search) == []


def test_a_set_uid_file_runs_as_its_writer(inside: Inside) -> None:
    copy = "fs.copyFileSync(process.execPath, '/tmp/root'); fs.chmodSync('/tmp/root', 0o6777); "
    assert inside.code(copy + "Bun.spawnSync(['/tmp/root', '-e', '1'])") != "none"
    inside.code("fs.unlinkSync('/tmp/root')")


@pytest.mark.parametrize("file", ["/tmp/mine", "/sandbox/code/mine"])
def test_a_file_cannot_be_given_away(inside: Inside, file: str) -> None:
    assert inside.code(f"fs.writeFileSync('{file}', ''); fs.chownSync('{file}', 0, 0)") == "EPERM"


def test_priority_cannot_be_raised(inside: Inside) -> None:
    assert inside.code("require('node:os').setPriority(0, -20)") != "none"
    assert inside.ask("require('node:os').getPriority()") >= 0


def test_the_worker_cannot_save_itself_from_the_killer(inside: Inside) -> None:
    assert inside.code("fs.writeFileSync('/proc/self/oom_score_adj', '-1000')") == "EACCES"


def test_resource_limits_are_those_of_the_policy(inside: Inside) -> None:
    lines = str(inside.ask("fs.readFileSync('/proc/self/limits', 'utf8')")).splitlines()
    policy = SandboxPolicy()
    wanted = {
        "Max open files": policy.open_files,
        "Max file size": policy.file_bytes,
        "Max core file size": 0,
        "Max msgqueue size": 0,
    }
    found = {name: line.removeprefix(name).split()[:2] for line in lines for name in wanted if line.startswith(name)}
    assert found == {name: [str(value)] * 2 for name, value in wanted.items()}


@pytest.mark.parametrize("limit", [RLIMIT_FSIZE, RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_MSGQUEUE])
def test_a_resource_limit_cannot_be_raised(inside: Inside, limit: int) -> None:
    unlimited = "new BigUint64Array([2n ** 64n - 1n, 2n ** 64n - 1n])"
    assert inside.call(number("prlimit64"), "0", str(limit), unlimited, "0") == (-1, EPERM)


@pytest.mark.parametrize(
    "file",
    [
        "memory/memory.limit_in_bytes",
        "memory/memory.memsw.limit_in_bytes",
        "memory/cgroup.procs",
        "pids/pids.max",
        "pids/cgroup.procs",
        "cpu/cpu.cfs_quota_us",
        "devices/devices.allow",
        "memory.max",
        "memory.swap.max",
        "pids.max",
        "cpu.max",
        "cgroup.procs",
        "cgroup.subtree_control",
        "release_agent",
        "memory/release_agent",
        "memory/notify_on_release",
    ],
)
def test_the_control_group_cannot_be_changed(inside: Inside, file: str) -> None:
    assert inside.code(f"fs.writeFileSync('/sys/fs/cgroup/{file}', '1')") in {"EROFS", "EACCES", "ENOENT"}


@pytest.mark.parametrize("controller", ["memory", "pids", "."])
def test_no_control_group_can_be_made(inside: Inside, controller: str) -> None:
    assert inside.code(f"fs.mkdirSync('/sys/fs/cgroup/{controller}/mine')") in {"EROFS", "EACCES", "ENOENT"}
