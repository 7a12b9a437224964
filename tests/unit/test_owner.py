from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from bun_sandbox_kernel.owner import Owner


def test_living_owner_is_not_gone() -> None:
    assert not Owner.current().is_gone()


def test_ended_owner_is_gone() -> None:
    code = "from bun_sandbox_kernel.owner import Owner; print(*Owner.current().labels().values())"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Owner(*answer.stdout.split()).is_gone()


def test_number_that_went_to_another_process_is_gone() -> None:
    assert replace(Owner.current(), started="1").is_gone()


def test_owner_of_an_earlier_boot_is_gone() -> None:
    assert replace(Owner.current(), boot_id="another").is_gone()


def test_owner_on_another_machine_is_left_alone() -> None:
    assert not replace(Owner.current(), host="elsewhere", boot_id="another").is_gone()


def test_container_without_an_owner_is_left_alone() -> None:
    assert not Owner.from_labels({}).is_gone()
