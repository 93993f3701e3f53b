# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""
Kills a run of two processes at random moments, and checks that it ends as one that nobody disturbed.

    python tests/distributed/campaign.py --kills 20 --seed 0

Each kill (SIGKILL) is of the launcher or of one of the processes; what is left of the start must end by itself. The
same command then goes on, until the run is complete.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hf_distill.checkpoints import damage_of_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from tiny import make_setup

STAGES = ("teacher", "recording", "student", "baseline")
CHANGES = {
    "teacher__fine_tune": {"max_steps": 20},
    "training__max_steps": 40,
    "training__save_steps": 4,
    # Rows without padding of their own in every shard, and more than one shard for each process.
    "recording": {"rows_per_shard": 16},
}
PATIENCE = 90
"""Seconds that the processes of a killed start may take to end."""


@dataclass
class Campaign:
    """
    Runs of one recipe, and what became of them.

    Args:
        folder (`Path`): Where everything is written.
        generator (`random.Random`): Chooses moments and victims.
    """

    folder: Path
    generator: random.Random
    victims: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recipe = make_setup(self.folder / "tiny").write(self.folder / "tiny.yaml", **CHANGES)

    def start(self, run: str) -> subprocess.Popen:
        """Start or continue a run."""
        arguments = ["run", self.recipe, "--until", "baseline", "--output-dir", self.folder / run]
        command = [sys.executable, "-m", "hf_distill", *map(str, arguments), "--accelerate-config", "multi_cpu"]
        own = {"OMP_NUM_THREADS": "1", "HF_DATASETS_CACHE": str(self.folder / "cache"), "HF_HUB_OFFLINE": "1"}
        with (self.folder / f"{run}.log").open("ab") as log:
            return subprocess.Popen(command, env={**os.environ, **own}, stdout=log, stderr=log)

    def finish(self, run: str) -> float:
        """Let a run end, and return the seconds that it took."""
        start = time.monotonic()
        status = self.start(run).wait()
        assert status == 0, (self.folder / f"{run}.log").read_text()[-5000:]
        return time.monotonic() - start

    def disturb(self, run: str, seconds: float) -> bool:
        """Start a run and kill a process of it at a random moment; say whether it was still at work."""
        launcher = psutil.Process(self.start(run).pid)
        time.sleep(self.generator.uniform(0, seconds))
        try:
            family = [launcher, *launcher.children(recursive=True)]
            chosen = self.generator.randrange(len(family))
            family[chosen].send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            return False
        self.check_checkpoints(run)
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert not alive, f"{alive} go on without {family[chosen]}"
        self.victims.append("launcher" if chosen == 0 else "process")
        return True

    def check_checkpoints(self, run: str) -> None:
        """Check that what has the name of a checkpoint is one."""
        for checkpoint in (self.folder / run).glob("checkpoints/*/checkpoint-*"):
            found = damage_of_checkpoint(checkpoint)
            # An old one may just be on its way out.
            assert found is None or "is missing" in found, found

    def weights(self, run: str) -> dict[str, bytes]:
        """Return all that a run has learnt and recorded."""
        files = [path for stage in STAGES for path in (self.folder / run / stage).rglob("*") if path.is_file()]
        kinds = (".safetensors", ".arrow")
        return {str(path.relative_to(self.folder / run)): path.read_bytes() for path in files if path.suffix in kinds}


def kill(folder: Path, kills: int, seed: int) -> list[str]:
    """
    Kill runs until there were so many kills, and compare each run's end with that of an undisturbed one.

    Args:
        folder (`Path`): Where everything is written.
        kills (`int`): How many.
        seed (`int`): Seed of moments and victims.

    Returns:
        `list[str]`: Who was killed.
    """
    campaign = Campaign(folder, random.Random(seed))
    seconds = campaign.finish("undisturbed")
    print(f"undisturbed: {seconds:.0f} s", flush=True)
    expected, run = campaign.weights("undisturbed"), 0
    assert {Path(name).parts[0] for name in expected} == set(STAGES)
    while len(campaign.victims) < kills:
        run += 1
        before, starts = len(campaign.victims), campaign.generator.randrange(1, 4)
        for _ in range(min(starts, kills - before)):
            campaign.disturb(f"run-{run}", seconds)
        campaign.finish(f"run-{run}")
        assert campaign.weights(f"run-{run}") == expected, f"run-{run} differs"
        print(f"run {run}: {campaign.victims[before:]} killed, ends as the undisturbed one", flush=True)
    return campaign.victims


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        victims = kill(Path(temporary), options.kills, options.seed)
    print(f"{len(victims)} kills: {victims.count('launcher')} launchers, {victims.count('process')} processes")
