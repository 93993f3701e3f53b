# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Starting a script in several processes, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys


def command(script: str, processes: int, *arguments: object, options: tuple[str, ...] = ()) -> list[str]:
    """Return the command that starts `script` in so many processes of this machine."""
    place = options or ("--standalone",)
    launcher = ["-m", "torch.distributed.run", *place, "--nproc_per_node", str(processes)]
    return [sys.executable, *launcher, script, *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return the variables of processes without an accelerator, one thread each."""
    own = {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": os.pathsep.join(sys.path)}
    return {**os.environ, **own, "CUDA_VISIBLE_DEVICES": ""}


def launch(script: str, processes: int, *arguments: object) -> None:
    """Run `script` in so many processes to its end."""
    subprocess.run(command(script, processes, *arguments), check=True, env=environment())


def start(*given: str) -> subprocess.Popen:
    """Start the command line with these arguments, without access to the Hub; what it says can be read."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    own = {**environment(), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen([sys.executable, "-m", "hf_distill", *given], env=own, **pipes)
