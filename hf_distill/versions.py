# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a result depends on beside the recipe: versions of packages, and the machine."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = (
    "hf-distill", "torch", "transformers", "datasets", "accelerate", "evaluate", "huggingface_hub", "optimum",
    "optimum-onnx", "onnxruntime",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of the packages that a result depends on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor_name() -> str:
    """Return what this machine's processor is called."""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        for line in cpu_info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def training_hardware(device: torch.device, number: int) -> str:
    """
    Return what a model is trained on, in words.

    Args:
        device (`torch.device`): The device of one process.
        number (`int`): How many processes there are.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    if number == 1:
        return name
    return f"{number} x {name}" if device.type == "cuda" else f"{name}, {number} processes"
