"""The numbers of system calls, from asm/unistd_64.h for x86_64 and asm-generic/unistd.h for aarch64."""

from __future__ import annotations

import errno
import platform

import pytest

MACHINES = ("x86_64", "aarch64")
REFUSED = {errno.ENOSYS, errno.EPERM}
"""What a filter answers to an argument that it does not let pass; engines differ."""
ALLOWED = {
    "getpid": (39, 172),
    "clone": (56, 220),
    "execve": (59, 221),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "mmap": (9, 222),
    "madvise": (28, 233),
    "mknodat": (259, 33),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "setpriority": (141, 140),
    "sched_setaffinity": (203, 122),
    "ioctl": (16, 29),
    "kill": (62, 129),
    "memfd_create": (319, 279),
    "tgkill": (234, 131),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
}
FORBIDDEN = {
    "namespaces": {"unshare": (272, 97), "setns": (308, 268), "clone3": (435, 435)},
    "mounts": {
        "chroot": (161, 51),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "fsopen": (430, 430),
        "fspick": (433, 433),
        "mount": (165, 40),
        "mount_setattr": (442, 442),
        "move_mount": (429, 429),
        "open_tree": (428, 428),
        "pivot_root": (155, 41),
        "quotactl": (179, 60),
        "quotactl_fd": (443, 443),
        "swapoff": (168, 225),
        "swapon": (167, 224),
        "umount2": (166, 39),
    },
    "handles": {"name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265)},
    "other processes": {
        "kcmp": (312, 272),
        "pidfd_getfd": (438, 438),
        "process_madvise": (440, 440),
        "process_mrelease": (448, 448),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "ptrace": (101, 117),
    },
    "keyring": {"add_key": (248, 217), "keyctl": (250, 219), "request_key": (249, 218)},
    "kernel surface": {
        "bpf": (321, 280),
        "fanotify_init": (300, 262),
        "fanotify_mark": (301, 263),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "io_uring_setup": (425, 425),
        "memfd_secret": (447, 447),
        "perf_event_open": (298, 241),
        "userfaultfd": (323, 282),
        "vmsplice": (278, 75),
    },
    "machine": {
        "acct": (163, 89),
        "adjtimex": (159, 171),
        "clock_adjtime": (305, 266),
        "clock_settime": (227, 112),
        "delete_module": (176, 106),
        "finit_module": (313, 273),
        "init_module": (175, 105),
        "kexec_file_load": (320, 294),
        "kexec_load": (246, 104),
        "personality": (135, 92),
        "reboot": (169, 142),
        "setdomainname": (171, 162),
        "sethostname": (170, 161),
        "settimeofday": (164, 170),
        "syslog": (103, 116),
        "vhangup": (153, 58),
    },
    "identities": {
        "capset": (126, 91),
        "seccomp": (317, 277),
        "setfsgid": (123, 152),
        "setfsuid": (122, 151),
        "setgid": (106, 144),
        "setgroups": (116, 159),
        "setregid": (114, 143),
        "setresgid": (119, 149),
        "setresuid": (117, 147),
        "setreuid": (113, 145),
        "setuid": (105, 146),
    },
    "message passing": {
        "mq_open": (240, 180),
        "mq_unlink": (241, 181),
        "msgget": (68, 186),
        "semget": (64, 190),
        "shmat": (30, 196),
        "shmget": (29, 194),
    },
    "memory": {
        "mbind": (237, 235),
        "migrate_pages": (256, 238),
        "mlockall": (151, 230),
        "move_pages": (279, 239),
        "pkey_alloc": (330, 289),
        "remap_file_pages": (216, 234),
        "set_mempolicy": (238, 237),
    },
    "scheduling": {
        "ioprio_set": (251, 30),
        "sched_setattr": (314, 274),
        "sched_setparam": (142, 118),
        "sched_setscheduler": (144, 119),
    },
    "files": {
        "execveat": (322, 281),
        "io_setup": (206, 0),
        "io_submit": (209, 2),
        "setxattr": (188, 5),
        "sync": (162, 81),
        "syncfs": (306, 267),
    },
}


def number(name: str) -> int:
    """Return the number of a system call on this machine; skip the test where that is not known."""
    if platform.machine() not in MACHINES:
        pytest.skip("the numbers of this machine's system calls are not known")
    known = ALLOWED | {call: numbers for family in FORBIDDEN.values() for call, numbers in family.items()}
    return known[name][MACHINES.index(platform.machine())]


def fifo(path: str) -> str:
    """Return code that makes a pipe with a name, which keeps its reader waiting."""
    return f"call({number('mknodat')}, -100, '{path}', {0o010666}, 0)"
