"""Documents and examples say what the code does."""

from __future__ import annotations

from scripts import settings_tables


def test_the_page_of_settings_says_what_the_policy_says() -> None:
    page = settings_tables.PAGE.read_text("utf-8")
    assert page == settings_tables.written(page), "run `python scripts/settings_tables.py`"
