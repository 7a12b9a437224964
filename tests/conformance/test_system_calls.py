"""System calls that a sandbox does without, by number, as native code would make them."""

from __future__ import annotations

import errno
import platform
from collections.abc import Iterator

import pytest

from bun_sandbox_kernel.engines import Engine
from bun_sandbox_kernel.policy import SandboxPolicy
from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import FORBIDDEN, REFUSED, number

NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "network": 0x40000000,
}
X32_BIT = 0x40000000
INT_0X80_GETPID = "0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3"


def test_an_allowed_system_call_works(inside: Inside) -> None:
    assert inside.call(number("getpid"))[0] == inside.ask("process.pid")


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=f"{family}-{name}") for family, names in FORBIDDEN.items() for name in names]
)
def test_a_forbidden_system_call_does_not_exist(inside: Inside, name: str) -> None:
    assert inside.call(number(name)) == (-1, errno.ENOSYS)


@pytest.mark.parametrize("flag", NAMESPACES.values(), ids=NAMESPACES)
def test_no_clone_makes_a_namespace(inside: Inside, flag: int) -> None:
    returned, error = inside.call(number("clone"), str(flag | 17))
    assert (returned, error in REFUSED) == (-1, True)


def test_no_clone_makes_all_namespaces_at_once(inside: Inside) -> None:
    returned, error = inside.call(number("clone"), str(sum(NAMESPACES.values()) | 17))
    assert (returned, error in REFUSED) == (-1, True)


@pytest.fixture(scope="module")
def hurried(engine: Engine) -> Iterator[Inside]:
    """Yield a sandbox whose cells end early: a filter may stop a thread for good."""
    session = Inside(engine, SandboxPolicy(max_execution_ms=300))
    yield session
    session.close()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="this machine has one kind of system call")
def test_calls_of_the_x32_kind_do_not_exist(hurried: Inside) -> None:
    ran = hurried.run(f"console.log(call({X32_BIT} + {number('getpid')}).returned === process.pid)")
    assert "true" not in ran.printed
    hurried.lives()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="this machine has one kind of system call")
def test_calls_of_the_32_bit_kind_do_not_exist(hurried: Inside) -> None:
    code = (
        "import { toBuffer } from 'bun:ffi';"
        f"const {{ returned: page }} = call({number('mmap')}, 0, 4096, 7, 0x22, -1, 0);"
        f"toBuffer(page, 0, 4096).set([{INT_0X80_GETPID}]);"
        "console.log(CFunction({ ptr: page, args: [], returns: 'i32' })() === process.pid);"
    )
    ran = hurried.run(code)
    assert ran.error == ""
    assert "true" not in ran.printed
    hurried.lives()
