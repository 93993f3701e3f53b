# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What repositories of the Hugging Face Hub may be called."""

from __future__ import annotations

import re
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from hf_distill.errors import InputError

REPO_ID = re.compile(r"(?:\w[\w.-]*/)?\w[\w.-]*", re.ASCII)


def check_repo_id(repo_id: Any, argument: str = "repo_id") -> None:
    """
    Check the form of a repository's name.

    Args:
        repo_id: What was given.
        argument (`str`, *optional*, defaults to `"repo_id"`): The argument that it was given as, for the message.

    Raises:
        InputError: If no repository can have this name.
    """
    try:
        # Some versions of the Hub's own check let a line break at the end and letters other than ASCII pass.
        fits = isinstance(repo_id, str) and REPO_ID.fullmatch(repo_id) is not None
        validate_repo_id(repo_id if fits else "")
    except HFValidationError:
        raise InputError(
            f"{argument}: must be OWNER/NAME, of letters, digits and single -, _ or . between them, at most 96 each; "
            f"got {repo_id!r}"
        ) from None
