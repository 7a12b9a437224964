"""Files of the machine that would lead out of a sandbox, and the mounts that it consists of."""

from __future__ import annotations

import pytest

from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import number

CLOSED = {"EROFS", "EACCES", "EPERM", "ENOENT", "ENXIO", "EISDIR"}
CHARACTER_DEVICE, BLOCK_DEVICE = 0o020000, 0o060000


@pytest.fixture(scope="module")
def mounts(inside: Inside) -> dict[str, set[str]]:
    lines = str(inside.ask("fs.readFileSync('/proc/mounts', 'utf8')")).splitlines()
    return {fields[1]: set(fields[3].split(",")) for fields in (line.split() for line in lines)}


# -- mounts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["/", "/sandbox", "/usr/local/bin", "/etc", "/lib", "/proc", "/sys", "/dev"])
def test_the_root_is_read_only(inside: Inside, folder: str) -> None:
    assert inside.code(f"fs.writeFileSync('{folder}/x', '')") in {"EROFS", "EACCES", "ENOENT"}


@pytest.mark.parametrize("file", ["/usr/local/bin/bun", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"])
def test_files_of_the_system_cannot_be_changed(inside: Inside, file: str) -> None:
    assert inside.code(f"fs.appendFileSync('{file}', 'x')") in CLOSED
    assert inside.code(f"fs.chmodSync('{file}', 0o777)") in CLOSED
    assert inside.code(f"fs.unlinkSync('{file}')") in CLOSED | {"EBUSY"}


def test_the_root_is_mounted_read_only(mounts: dict[str, set[str]]) -> None:
    assert "ro" in mounts["/"]


@pytest.mark.parametrize("folder", ["/tmp", "/sandbox/code", "/dev/shm"])
def test_what_is_writable_runs_no_programs_and_no_devices(mounts: dict[str, set[str]], folder: str) -> None:
    assert {"noexec", "nosuid", "nodev"} <= mounts[folder]
    assert any(option.startswith("size=") for option in mounts[folder])
    assert any(option.startswith("nr_inodes=") for option in mounts[folder])


def test_nothing_else_is_writable(inside: Inside, mounts: dict[str, set[str]]) -> None:
    known = {"/tmp", "/sandbox/code", "/dev/shm", "/dev", "/dev/pts", "/dev/mqueue", "/proc", "/run/bun-sandbox"}
    writable = {place for place, options in mounts.items() if "rw" in options} - known
    usable = {place for place in writable if inside.code(f"fs.accessSync('{place}', fs.constants.W_OK)") == "none"}
    # Masked files of /proc are /dev/null, which takes writes and keeps none.
    kept = {place for place in usable if not inside.ask(f"fs.statSync('{place}').isCharacterDevice()")}
    assert kept == set()


def test_no_message_queue_can_be_made(inside: Inside) -> None:
    assert inside.code("fs.writeFileSync('/dev/mqueue/mine', '')") != "none"


@pytest.mark.parametrize("folder", ["/tmp", "/sandbox/code", "/dev/shm"])
def test_a_written_program_does_not_run(inside: Inside, folder: str) -> None:
    code = f"fs.copyFileSync('/proc/self/exe', '{folder}/run'); fs.chmodSync('{folder}/run', 0o755);"
    small = f"fs.writeFileSync('{folder}/run', '#!/usr/local/bin/bun\\n', {{ mode: 0o755 }});"
    try:
        written = small if folder == "/dev/shm" else code
        assert inside.code(f"{written} Bun.spawnSync(['{folder}/run'])") in {"EACCES", "ENOSPC"}
    finally:
        inside.code(f"fs.unlinkSync('{folder}/run')")


def test_a_written_library_does_not_load(inside: Inside) -> None:
    library = inside.ask(r"fs.readFileSync('/proc/self/maps', 'utf8').match(/\/\S*libc\S*\.so\S*/)[0]")
    load = "dlopen('{}', {{ getpid: {{ args: [], returns: 'i32' }} }})"
    assert inside.code(load.format(library)) == "none"
    assert inside.code(f"fs.copyFileSync('{library}', '/tmp/own.so')") == "none"
    assert inside.code(load.format("/tmp/own.so")) != "none"


# -- devices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CHARACTER_DEVICE, BLOCK_DEVICE], ids=["character", "block"])
@pytest.mark.parametrize("folder", ["/tmp", "/sandbox/code", "/dev"])
def test_no_device_can_be_made(inside: Inside, folder: str, kind: int) -> None:
    at_fdcwd = -100
    returned, _ = inside.call(number("mknodat"), str(at_fdcwd), f"'{folder}/device'", str(kind | 0o666), "0x101")
    assert returned == -1


@pytest.mark.parametrize(
    "device",
    ["mem", "kmem", "kmsg", "port", "kvm", "fuse", "net/tun", "sda", "vda", "nvme0n1", "loop-control", "tty"],
)  # fmt: skip
def test_a_device_of_the_machine_cannot_be_opened(inside: Inside, device: str) -> None:
    assert inside.code(f"fs.openSync('/dev/{device}', 'r')") in CLOSED


def test_there_are_only_the_devices_that_programs_need(inside: Inside) -> None:
    harmless = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
    found = inside.ask(
        "fs.readdirSync('/dev', { withFileTypes: true }).filter((entry) => entry.isCharacterDevice() || "
        "entry.isBlockDevice()).map((entry) => entry.name)"
    )
    assert set(found) <= harmless


# -- /proc and /sys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        "sys/kernel/core_pattern",
        "sys/kernel/modprobe",
        "sys/kernel/hostname",
        "sys/kernel/panic",
        "sys/kernel/randomize_va_space",
        "sys/fs/binfmt_misc/register",
        "sys/fs/protected_symlinks",
        "sys/vm/overcommit_memory",
        "sys/vm/drop_caches",
        "sys/vm/panic_on_oom",
        "sys/net/ipv4/ip_forward",
        "sys/net/ipv4/ping_group_range",
        "sys/user/max_user_namespaces",
        "sysrq-trigger",
        "irq/0/smp_affinity",
        "bus/pci/00/00.0",
    ],
)
def test_settings_of_the_machine_cannot_be_written(inside: Inside, file: str) -> None:
    assert inside.code(f"fs.writeFileSync('/proc/{file}', '1')") in CLOSED


@pytest.mark.parametrize("file", ["kcore", "kmsg", "kpageflags", "kpagecount", "vmallocinfo", "slabinfo", "1/root"])
def test_memory_of_the_machine_cannot_be_read(inside: Inside, file: str) -> None:
    assert inside.code(f"fs.readFileSync('/proc/{file}')") in CLOSED


@pytest.mark.parametrize("file", ["keys", "timer_list", "sched_debug", "acpi", "scsi"])
def test_what_tells_of_other_containers_is_empty(inside: Inside, file: str) -> None:
    size = (
        f"attempt(() => fs.statSync('/proc/{file}').isDirectory() ? fs.readdirSync('/proc/{file}').length "
        f": fs.readFileSync('/proc/{file}').length).value ?? 0"
    )
    assert inside.ask(size) == 0


def test_addresses_of_the_kernel_are_not_told(inside: Inside) -> None:
    addresses = "new Set((attempt(() => fs.readFileSync('/proc/kallsyms', 'utf8')).value ?? '').match(/^[0-9a-f]+/gm))"
    assert set(inside.ask(f"[...{addresses}]")) <= {"0" * 16}


@pytest.mark.parametrize(
    "file",
    [
        "kernel/uevent_helper",
        "kernel/vmcoreinfo",
        "kernel/mm/transparent_hugepage/enabled",
        "kernel/debug/x",
        "kernel/security/x",
        "power/state",
        "module/x",
        "block/vda/queue/scheduler",
        "class/net/lo/mtu",
        "devices/system/cpu/cpu1/online",
        "fs/fuse/connections/x",
    ],
)
def test_nothing_in_sys_can_be_written(inside: Inside, file: str) -> None:
    assert inside.code(f"fs.writeFileSync('/sys/{file}', '1')") in CLOSED


@pytest.mark.parametrize("file", ["uid_map", "gid_map", "setgroups", "attr/exec", "attr/fscreate", "projid_map"])
def test_the_identity_of_a_process_cannot_be_written(inside: Inside, file: str) -> None:
    assert inside.code(f"fs.writeFileSync('/proc/self/{file}', '0 0 1')") not in {"none", "undefined"}


# -- the engine --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "socket",
    [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman/podman.sock",
        "/run/crio/crio.sock",
        "/run/dbus/system_bus_socket",
        "/run/systemd/private",
    ],
)
def test_the_socket_of_no_engine_is_there(inside: Inside, socket: str) -> None:
    assert inside.code(f"fs.statSync('{socket}')") in {"ENOENT", "EACCES"}


def test_only_processes_of_the_sandbox_are_seen(inside: Inside) -> None:
    programs = (
        "[...new Set(fs.readdirSync('/proc').filter((name) => Number(name) > 0)"
        ".map((pid) => attempt(() => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\\0')[0]).value))]"
    )
    assert inside.ask(programs) == [inside.ask("process.execPath")]


def test_names_of_the_host_are_not_told(inside: Inside) -> None:
    assert inside.ask("require('node:os').hostname()") == "sandbox"
