# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of measuring energy, with a stand-in for codecarbon."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hf_distill.energy import measured_energy


@pytest.fixture
def codecarbon(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module like codecarbon, whose tracker tells of half a kilowatt-hour in France."""
    module = ModuleType("codecarbon")
    module.__version__ = "3.3.2"
    module.data = SimpleNamespace(energy_consumed=0.5, emissions=0.03, country_iso_code="FRA")
    module.calls = []

    class OfflineEmissionsTracker:
        def __init__(self, **options: Any):
            module.calls.append(options)

        def start(self) -> None:
            module.calls.append("start")

        def stop(self) -> float:
            module.calls.append("stop")
            self.final_emissions_data = module.data
            return module.data.emissions

    module.OfflineEmissionsTracker = OfflineEmissionsTracker
    monkeypatch.setitem(sys.modules, "codecarbon", module)
    return module


def test_energy_is_told_after_the_block(codecarbon: ModuleType) -> None:
    with measured_energy() as energy:
        assert energy == {}
        assert codecarbon.calls == [{"save_to_file": False, "log_level": "error"}, "start"]
    assert energy == {"kwh": 0.5, "source": "codecarbon 3.3.2", "emissions_kg": 0.03, "country": "FRA"}


def test_emissions_are_not_told_where_the_country_is_unknown(codecarbon: ModuleType) -> None:
    codecarbon.data.country_iso_code = None
    with measured_energy() as energy:
        pass
    assert energy == {"kwh": 0.5, "source": "codecarbon 3.3.2"}


def test_without_codecarbon_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with measured_energy() as energy:
        pass
    assert energy == {}


@pytest.mark.parametrize("when", ["start", "stop"])
def test_a_tracker_that_fails_ends_no_training(
    codecarbon: ModuleType, when: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Any) -> None:
        raise OSError("no sensor")

    monkeypatch.setattr(codecarbon.OfflineEmissionsTracker, when, fail)
    with measured_energy() as energy:
        pass
    assert energy == {}
    assert "no sensor" in caplog.text


def test_one_machine_of_several_tells_nothing(codecarbon: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "0")
    with measured_energy() as energy:
        pass
    assert energy == {} and codecarbon.calls == []
