"""Lines that begin with a percent sign."""

from __future__ import annotations

import pytest

from bun_sandbox_kernel.errors import UsageError
from bun_sandbox_kernel.magics import Settings, program_of, run


@pytest.mark.parametrize(
    ("argument", "milliseconds"), [("5", 5000), ("5s", 5000), ("500ms", 500), ("1.5 s", 1500), ("2m", 120_000)]
)
def test_a_timeout_is_kept_for_the_cells_behind(argument: str, milliseconds: int) -> None:
    settings = Settings()
    run(f"%timeout {argument}", settings)
    assert run("1 + 1", settings) == ("", "1 + 1")
    assert settings.timeout_ms == milliseconds


def test_a_timeout_can_be_taken_back_and_looked_at() -> None:
    settings = Settings(5000)
    assert run("%timeout", settings)[0] == "Cells may run 5 s.\n"
    assert "no time limit" in run("%timeout off", settings)[0]
    assert settings.timeout_ms == 0


@pytest.mark.parametrize("argument", ["soon", "-1", "0", "5h", "1e9", "99999999m", "5s 6s"])
def test_what_is_no_duration_is_refused_and_changes_nothing(argument: str) -> None:
    settings = Settings(7)
    with pytest.raises(UsageError, match="500ms"):
        run(f"%timeout {argument}", settings)
    assert settings.timeout_ms == 7


def test_the_program_behind_keeps_its_line_numbers() -> None:
    assert run("\n%timeout 5s\nconst x = 1\n% 2", Settings())[1] == "\n\nconst x = 1\n% 2"


def test_an_unknown_magic_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"%timeot.*%timeout"):
        run("%timeot 5", Settings())


def test_a_cell_of_magics_alone_has_no_program() -> None:
    assert program_of("%timeout 5\n%timeout 6").strip() == ""
