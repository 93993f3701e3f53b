# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The configurations of Accelerate that are shipped, as Accelerate reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from accelerate import FullyShardedDataParallelPlugin
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import patch_environment
from accelerate.utils.launch import prepare_multi_gpu_env
from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy

FOLDER = Path(__file__).parents[1] / "recipes" / "accelerate"
EXPECTED: dict[str, dict[str, Any]] = {
    "multi_cpu": {"distributed_type": "MULTI_GPU", "use_cpu": True, "num_processes": 2, "mixed_precision": "no"},
    "multi_gpu": {"distributed_type": "MULTI_GPU", "use_cpu": False, "num_processes": 2, "mixed_precision": "bf16"},
    "two_nodes": {
        "distributed_type": "MULTI_GPU",
        "num_machines": 2,
        "machine_rank": 0,
        "main_process_ip": "192.168.0.1",
        "main_process_port": 29500,
        "rdzv_backend": "static",
        "num_processes": 16,
        "mixed_precision": "bf16",
    },
    "fsdp2": {"distributed_type": "FSDP", "num_processes": 2, "mixed_precision": "bf16"},
    "zero2": {"distributed_type": "DEEPSPEED", "num_processes": 2, "mixed_precision": "bf16"},
    "zero3": {"distributed_type": "DEEPSPEED", "num_processes": 2, "mixed_precision": "bf16"},
}


def launch_arguments(name: str) -> Any:
    """Return what `accelerate launch` makes of a configuration."""
    options = ["--config_file", str(FOLDER / f"{name}.yaml"), "script.py"]
    return _validate_launch_command(launch_command_parser().parse_args(options))[0]


def test_every_configuration_is_known_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_accelerate_reads_it(name: str) -> None:
    config = load_config_from_file(str(FOLDER / f"{name}.yaml"))
    assert {field: getattr(config, field) for field in EXPECTED[name]} == EXPECTED[name]


def test_the_plugin_of_fsdp_is_version_2() -> None:
    environment = prepare_multi_gpu_env(launch_arguments("fsdp2"))
    with patch_environment(**{name: value for name, value in environment.items() if name.startswith("FSDP_")}):
        plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward
    assert plugin.auto_wrap_policy is transformer_auto_wrap_policy
    assert plugin.transformer_cls_names_to_wrap == ["BertLayer"]
    assert plugin.state_dict_type.name == "FULL_STATE_DICT"


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_is_told_its_stage(stage: int) -> None:
    arguments = launch_arguments(f"zero{stage}")
    assert arguments.use_deepspeed
    assert int(arguments.zero_stage) == stage
    # Otherwise there would be no weights in what is saved.
    assert stage == 2 or arguments.zero3_save_16bit_model
