# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Starting the command line again in several processes, as Accelerate does it, and ending them with their launcher."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hf_distill.errors import InputError, nearest_name
from hf_distill.resources import resource_path

OPTION = "--accelerate-config"
LAUNCHER = "HF_DISTILL_LAUNCHER"
"""The variable that tells processes the number of their launcher."""
DIE_WITH_PARENT = 1
"""What Linux calls PR_SET_PDEATHSIG."""


def is_launched() -> bool:
    """Say whether a launcher has started this process."""
    return "LOCAL_RANK" in os.environ


def find_config(name: str) -> Path:
    """
    Return the file of a configuration of Accelerate.

    Args:
        name (`str`): A YAML file, or the name of a shipped one, such as `multi_gpu`.

    Raises:
        InputError: If there is none.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = {path.stem: path for path in (resource_path("recipes") / "accelerate").glob("*.yaml")}
    if name not in shipped:
        raise InputError(f"{OPTION}: no file and no shipped configuration {name!r}{nearest_name(name, shipped)}")
    return shipped[name]


def without_option(arguments: Sequence[str]) -> list[str]:
    """Return the command's arguments without the option that has it started in several processes."""
    rest, skip = [], False
    for argument in arguments:
        if not skip and argument != OPTION and not argument.startswith(f"{OPTION}="):
            rest.append(argument)
        skip = argument == OPTION
    return rest


def launch(config: Path, arguments: Sequence[str]) -> int:
    """
    Run the command line in the processes that a configuration of Accelerate names.

    Args:
        config (`Path`): The configuration's file.
        arguments (`Sequence[str]`): The command's arguments.

    Returns:
        `int`: The exit status: 0, or that of the first process that failed.

    Raises:
        InputError: If the configuration is none.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    _check(config)
    options = ["--config_file", str(config), "--quiet", "-m", "hf_distill", *without_option(arguments)]
    # The process that failed has said why.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    os.environ[LAUNCHER] = str(os.getpid())
    try:
        launch_command(launch_command_parser().parse_args(options))
    except ChildFailedError as error:
        status = error.get_first_failure()[1].exitcode
        return status if status >= 0 else 128 - status
    except SignalException as error:
        return 128 + error.sigval
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    return 0


def _check(config: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        load_config_from_file(str(config))
    # Accelerate raises whatever comes of a file that it does not expect.
    except Exception as error:
        raise InputError(
            f"{OPTION} {config}: is no configuration of Accelerate ({str(error).splitlines()[0]})"
        ) from error


def end_with_launcher() -> None:
    """
    Let this process be told to end (SIGTERM) when its launcher is gone.

    A launcher that is killed leaves the processes that it has started at work, beside those of the next start.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or not sys.platform.startswith("linux"):
        return
    launcher = os.environ.get(LAUNCHER, str(os.getppid()))
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
    # It may have gone before.
    if str(os.getppid()) != launcher:
        os.kill(os.getpid(), signal.SIGTERM)
