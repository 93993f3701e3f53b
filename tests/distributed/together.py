# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Does something in the main process first, as a script of each process, and writes down how it went."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from hf_distill.errors import InputError
from hf_distill.processes import leave_processes, main_first, processes


def main(folder: Path, failing: int) -> None:
    """Do it, failing in the process of this number, and write afterwards what the others must not have seen."""
    own = processes().process_index

    def work() -> list[str]:
        # Without an agreement the main process would be far ahead by the end of this.
        time.sleep(0 if own == 0 else 1)
        if own == failing:
            raise InputError("it cannot work here")
        return sorted(path.name for path in folder.iterdir())

    try:
        seen = main_first(work)
    except (InputError, SystemExit) as error:
        seen = [f"{type(error).__name__}: {error}"]
    (folder / f"process_{own}").write_text("\n".join(seen))
    leave_processes()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
