from __future__ import annotations

import json
from typing import Any

import pytest

from bun_sandbox_kernel.resources import SECCOMP_PROFILE

ENOSYS = 38
PROFILE: dict[str, Any] = json.loads(SECCOMP_PROFILE.read_text("utf-8"))
ALLOWED = [rule for rule in PROFILE["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW"]
DENIED = [rule for rule in PROFILE["syscalls"] if rule["action"] != "SCMP_ACT_ALLOW"]


def names(rules: list[dict[str, Any]]) -> set[str]:
    return {name for rule in rules for name in rule["names"]}


def test_profile_is_an_allow_list_with_enosys_for_the_rest() -> None:
    assert (PROFILE["defaultAction"], PROFILE["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", ENOSYS)
    assert all((rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", ENOSYS) for rule in DENIED)


def test_no_call_is_both_allowed_and_denied() -> None:
    assert names(ALLOWED) & names(DENIED) == set()


def test_every_rule_says_why_it_is_there() -> None:
    assert all(rule["comment"] for rule in PROFILE["syscalls"])


def test_both_architectures_are_covered() -> None:
    assert [entry["architecture"] for entry in PROFILE["archMap"]] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]


@pytest.mark.parametrize(
    "call",
    ["bpf", "io_uring_setup", "keyctl", "mount", "perf_event_open", "process_vm_writev", "ptrace", "setns", "unshare",
     "userfaultfd", "clone3", "pivot_root", "init_module", "kexec_load", "open_by_handle_at"],
)  # fmt: skip
def test_dangerous_call_is_not_allowed(call: str) -> None:
    assert call not in names(ALLOWED)


def test_sockets_are_of_three_families_only() -> None:
    families = {rule["args"][0]["value"] for rule in ALLOWED if "socket" in rule["names"]}
    assert families == {1, 2, 10}


@pytest.mark.parametrize(("call", "arguments"), [("prlimit64", 1), ("sched_setaffinity", 1), ("setpriority", 2)])
def test_nobody_sets_the_limits_of_another_process(call: str, arguments: int) -> None:
    (rule,) = [rule for rule in ALLOWED if call in rule["names"]]
    every_zero = [{"index": index, "value": 0, "op": "SCMP_CMP_EQ"} for index in range(arguments)]
    assert rule["args"] == every_zero


def test_clone_may_not_make_namespaces() -> None:
    (rule,) = [rule for rule in ALLOWED if "clone" in rule["names"]]
    every_new_flag = (
        0x00000080 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
    )
    (argument,) = rule["args"]
    assert (argument["value"], argument["valueTwo"], argument["op"]) == (every_new_flag, 0, "SCMP_CMP_MASKED_EQ")


def test_of_prctl_only_what_programs_need_is_allowed() -> None:
    rules = [rule["args"] for rule in ALLOWED if "prctl" in rule["names"]]
    assert all(args[0]["op"] == "SCMP_CMP_MASKED_EQ" and args[0]["value"] == 0xFFFFFFFF for args in rules)
    assert {args[0]["valueTwo"] for args in rules} == {1, 3, 4, 15, 16, 0x53564D41}


def test_a_hidden_process_cannot_be_opened_again() -> None:
    (rule,) = [rule["args"] for rule in ALLOWED if "prctl" in rule["names"] and rule["args"][0]["valueTwo"] == 4]
    assert rule[1] == {"index": 1, "value": 0, "op": "SCMP_CMP_EQ"}


def test_everybody_may_bound_himself() -> None:
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= names(ALLOWED)
