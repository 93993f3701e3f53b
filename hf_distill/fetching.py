# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What goes wrong when something is fetched from the Hugging Face Hub, said in a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hf_distill.errors import InputError
from hf_distill.hub_names import check_repo_id


@contextmanager
def fetching(repo_id: str, argument: str, kind: str = "model", revision: str | None = None) -> Iterator[str]:
    """
    Say in a line what goes wrong within the block, which fetches from a repository.

    Args:
        repo_id (`str`): The repository, `OWNER/NAME`.
        argument (`str`): The argument that it was given as, for the message.
        kind (`str`, *optional*, defaults to `"model"`): What it is, in words.
        revision (`str`, *optional*): A branch, a tag or a commit.

    Yields:
        `str`: The repository in words, for further messages.

    Raises:
        InputError: If no repository can have this name, or the Hub has none, does not give it, or cannot be reached.
    """
    check_repo_id(repo_id, argument)
    where = f"the {kind} {repo_id}" + (f" at {revision}" if revision else "")
    try:
        yield where
    # Before the next: it is a kind of it.
    except GatedRepoError as error:
        raise InputError(f"{argument}: {where} is gated; ask for access on its page, and log in") from error
    except RepositoryNotFoundError as error:
        raise InputError(
            f"{argument}: the Hub does not have {where}, or does not show it to this token; check the name, and log "
            "in with hf auth login if it is private"
        ) from error
    except RevisionNotFoundError as error:
        raise InputError(f"{argument}: the Hub does not have {where}; check the branch, tag or commit") from error
    except LocalEntryNotFoundError as error:
        raise InputError(
            f"{argument}: {where} is not on this machine and the Hub cannot be reached; fetch it while online"
        ) from error
    except HfHubHTTPError as error:
        raise InputError(f"{argument}: the Hub did not give {where}: {str(error).splitlines()[0]}") from error
