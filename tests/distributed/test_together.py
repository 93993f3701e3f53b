# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What processes do together before the work begins: none is ahead of another, and all end if one cannot go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from .launch import launch

pytestmark = pytest.mark.distributed

SCRIPT = str(Path(__file__).with_name("together.py"))


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        (-1, ["", ""]),
        (0, ["InputError: it cannot work here", "SystemExit: 2"]),
        (1, ["SystemExit: 2", "InputError: it cannot work here"]),
    ],
)
def test_no_process_goes_on_before_all_can(failing: int, told: list[str], tmp_path: Path) -> None:
    launch(SCRIPT, 2, tmp_path, failing)
    assert [(tmp_path / f"process_{process}").read_text() for process in (0, 1)] == told
