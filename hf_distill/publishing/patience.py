# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Asking the Hugging Face Hub again where that may help, and saying in a line what went wrong where it does not."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from huggingface_hub.errors import (
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hf_distill.errors import HubError, InputError
from hf_distill.publishing.redaction import redact

T = TypeVar("T")

TRIES = 5
"""How often something is done until it is given up."""
FIRST_WAIT = "HF_DISTILL_RETRY_SECONDS"
"""The environment variable with the seconds before the first repetition, 1 by default; each next one waits twice as
long as the one before."""
LONGEST_WAIT = 300
"""Seconds; a Hub that asks for more is asked again by whoever repeats the command."""
REPEATED = frozenset({408, 409, 412, 425, 429})
"""What the Hub answers, beside errors of its own (5xx), when it may answer otherwise later: among others, that another
one has created the repository (409) or committed to it (412) meanwhile."""
HTTP_LIBRARIES = frozenset({"requests", "urllib3", "http", "httpx", "httpx2", "httpcore", "httpcore2"})


@dataclass(frozen=True)
class Problem:
    """
    What went wrong between here and the Hub.

    Args:
        reason (`str`): It in words.
        status (`int`, *optional*): The answer's status; `None` if there was no answer.
        retry_after (`float`, *optional*): Seconds that the Hub asks to wait.
        of_storage (`bool`): Whether a large file was being sent, for which the Hub gives addresses that expire.
    """

    reason: str
    status: int | None = None
    retry_after: float | None = None
    of_storage: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether the same may work when it is done again."""
        return self.status is None or self.status >= 500 or self.status in REPEATED or self.of_storage


def patiently(action: Callable[[], T], target: str) -> T:
    """
    Do something on the Hub, again and again if it fails for reasons that may pass.

    Args:
        action (`Callable`): What to do. It finds out itself what is done already, so that it may be repeated after any
            failure, also one of which nobody can tell whether the Hub has done what it was asked for.
        target (`str`): What it is done to, for the message.

    Returns:
        What `action` returns.

    Raises:
        InputError: If the Hub refuses it: the token, the name, the branch or the card is wrong.
        HubError: If it still fails after the last repetition, or if the Hub asks for patience of minutes.
    """
    wait = float(os.environ.get(FIRST_WAIT, "1"))
    for left in reversed(range(TRIES)):
        try:
            return action()
        except InputError:
            raise
        except Exception as error:
            problem = _problem(error)
            if problem is None:
                raise
            if not problem.may_pass:
                raise InputError(_refusal(error, problem, target)) from error
            if left == 0 or (problem.retry_after or 0) > LONGEST_WAIT:
                raise HubError(
                    f"{target}: {problem.reason}; nothing is published in part, and the same command finishes it later"
                ) from error
            time.sleep(max(wait, problem.retry_after or 0))
            wait *= 2
    raise AssertionError("the last repetition returns or raises")


def _problem(error: Exception) -> Problem | None:
    """Return what went wrong, or `None` if that is nothing of the Hub."""
    if isinstance(error, LocalTokenNotFoundError):
        return Problem("there is no token", 401)
    if isinstance(error, OfflineModeIsEnabled):
        return Problem("HF_HUB_OFFLINE keeps this process away from the Hub; unset it", 403)
    errors = list(_chain(error))
    of_storage = any(str(entry).startswith("Error while uploading") for entry in errors)
    for entry in errors:
        response = getattr(entry, "response", None)
        if getattr(response, "status_code", None) is not None:
            said = response.headers.get("X-Error-Message") or _metadata_complaint(errors)
            reason = f"the Hub answered {response.status_code}" + (f" ({said})" if said else "")
            wait = _seconds(response.headers.get("Retry-After"))
            return Problem(_one_line(reason), response.status_code, wait, of_storage)
        if _is_of_connection(entry):
            break
    else:
        return Problem("a file could not be uploaded") if of_storage else None
    return Problem("the connection to the Hub broke, or there was none")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_of_connection(error: BaseException) -> bool:
    # A proxy that fails answers with a page, where the client expects JSON.
    known = (ConnectionError, TimeoutError, json.JSONDecodeError)
    return isinstance(error, known) or type(error).__module__.partition(".")[0] in HTTP_LIBRARIES


def _metadata_complaint(errors: list[BaseException]) -> str:
    """What the client says of a card that the Hub refuses; the answer alone does not tell."""
    return next((str(entry) for entry in errors if str(entry).startswith("Invalid metadata")), "")


def _seconds(header: str | None) -> float | None:
    try:
        return max(float(header), 0.0) if header is not None else None
    except ValueError:
        return None


def _one_line(text: Any) -> str:
    return " ".join(str(redact(str(text))).split())


def _refusal(error: Exception, problem: Problem, target: str) -> str:
    """What is wrong with what was asked for, and what would be right."""
    if isinstance(error, OfflineModeIsEnabled):
        return f"{target}: {problem.reason}"
    if isinstance(error, RevisionNotFoundError):
        return f"revision: {target} has no such branch; name a branch, not a tag or a commit"
    if isinstance(error, RepositoryNotFoundError) and problem.status != 401:
        return f"repo_id: the Hub does not have {target}, or does not show it to this token; check name and token"
    if problem.status == 401:
        return (
            f"{target}: the Hub knows no such user ({problem.reason}); log in with hf auth login, or set HF_TOKEN to "
            "a token that is valid"
        )
    if problem.status == 403:
        return (
            f"repo_id: this token may not write to {target} ({problem.reason}); use a token with write access to this "
            "owner's repositories, or another owner"
        )
    return f"{target}: {problem.reason}"
