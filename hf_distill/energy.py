# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a training takes of electricity, where codecarbon is installed to estimate it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hf_distill.processes import processes

logger = logging.getLogger(__name__)


@contextmanager
def measured_energy() -> Iterator[dict[str, Any]]:
    """
    Measure the energy that this machine takes within the block; nothing is sent anywhere.

    What that emits is told only if codecarbon's own settings name the country, such as
    `CODECARBON_COUNTRY_ISO_CODE=FRA`.

    Yields:
        `dict[str, Any]`: After the block, `kwh` and `source`, and maybe `emissions_kg` and `country`; empty in other
        processes than the main one, without codecarbon, and where it cannot tell.
    """
    told: dict[str, Any] = {}
    tracker = _start() if _is_to_measure() else None
    try:
        yield told
    finally:
        if tracker is not None:
            told.update(_stop(tracker))


def energy_of(tracker: Any) -> dict[str, Any]:
    """
    Return what a tracker of codecarbon that has stopped tells: see [`measured_energy`].

    Args:
        tracker (`codecarbon.EmissionsTracker`): The tracker.
    """
    import codecarbon

    data = tracker.final_emissions_data
    told = {"kwh": float(data.energy_consumed), "source": f"codecarbon {codecarbon.__version__}"}
    # Without a country it reckons with the world's mean.
    if data.country_iso_code:
        told |= {"emissions_kg": float(data.emissions), "country": str(data.country_iso_code)}
    return told


def _is_to_measure() -> bool:
    """Say whether this process is the one that measures; of several machines it would see but its own."""
    number = processes().num_processes
    on_one_machine = int(os.environ.get("LOCAL_WORLD_SIZE", number)) == number
    return processes().is_main_process and on_one_machine


def _start() -> Any:
    # A measurement that fails must not end a training.
    try:
        from codecarbon import OfflineEmissionsTracker

        # It tells lines before it reads what it is to tell.
        logging.getLogger("codecarbon").setLevel(logging.ERROR)
        tracker = OfflineEmissionsTracker(save_to_file=False, log_level="error")
        tracker.start()
        return tracker
    except ImportError:
        return None
    except Exception as error:
        logger.warning("energy is not measured: codecarbon says %s", " ".join(str(error).split()))
        return None


def _stop(tracker: Any) -> dict[str, Any]:
    try:
        tracker.stop()
        return energy_of(tracker)
    except Exception as error:
        logger.warning("energy is not told: codecarbon says %s", " ".join(str(error).split()))
        return {}
