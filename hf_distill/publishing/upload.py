# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Making a repository of the Hugging Face Hub hold exactly what it shall, in one commit or in none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import DatasetInfo, ModelInfo, SpaceInfo

from hf_distill.errors import InputError
from hf_distill.hub_names import check_repo_id
from hf_distill.publishing.patience import patiently
from hf_distill.publishing.redaction import redact
from hf_distill.publishing.repository import Changes, Repository

RepositoryInfo = ModelInfo | DatasetInfo | SpaceInfo
COMMIT = re.compile(r"[0-9a-f]{40}")
REVIEWED = 10
"""How many of the latest pull requests are looked at for one that has these contents already."""


@dataclass(frozen=True)
class UploadOptions:
    """
    How repositories are published.

    Args:
        private (`bool`, *optional*, defaults to `False`): Whether only its owner may see a repository that is created;
            one that is there and public is refused. A private one that is there stays private without it too.
        revision (`str`, *optional*, defaults to the main branch): The branch to commit to, which is created if it is
            missing; or `refs/pr/N`, an open pull request.
        tag (`str`, *optional*): Name of a tag for what is published.
        pull_request (`bool`, *optional*, defaults to `False`): Whether to open a pull request in place of a commit to
            the main branch.
        message (`str`, *optional*): What the commit says.

    Raises:
        InputError: If two of these exclude each other, or a name is none.
    """

    private: bool = False
    revision: str | None = None
    tag: str | None = None
    pull_request: bool = False
    message: str = "Publish with hf_distill"

    def __post_init__(self) -> None:
        if self.pull_request and self.revision is not None:
            raise InputError("revision: a pull request is opened against the main branch; leave out one of the two")
        if self.pull_request and self.tag is not None:
            raise InputError("tag: what is proposed in a pull request has no tag before it is merged; leave it out")
        for field in ("revision", "tag"):
            value = getattr(self, field)
            if value is not None and (not value.strip() or re.search(r"[\s~^:?*\[\\]|\.\.", value)):
                raise InputError(f"{field}: git allows no such name; got {value!r}")
        if self.revision is not None and COMMIT.fullmatch(self.revision):
            raise InputError("revision: must be a branch; a commit stays as it is")
        if not self.message.strip():
            raise InputError("message: is empty; say in a few words what is published")


def full_repo_id(repo_id: str, token: str | None = None) -> str:
    """
    Return a repository's name with its owner, and find out early whether the token is of use.

    Args:
        repo_id (`str`): `OWNER/NAME`, or `NAME` for a repository of one's own.
        token (`str`, *optional*): A token of the Hub; the one that is saved on this machine by default.

    Raises:
        InputError: If no repository can have this name, or the token is missing, unknown or for reading only.
        HubError: If the Hub cannot be reached.
    """
    check_repo_id(repo_id)

    user = patiently(lambda: HfApi(token=token).whoami(), "the Hub")
    if user.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise InputError(f"repo_id: the token is for reading only; {repo_id} needs one with write access")
    return repo_id if "/" in repo_id else f"{user['name']}/{repo_id}"


def upload(repository: Repository, options: UploadOptions | None = None, token: str | None = None) -> CommitInfo:
    """
    Make a repository hold what it shall, in one commit.

    The repository is created if it is missing, and is empty until that commit. Only files that differ are sent, and
    where none does there is no commit. So the same call finishes what was interrupted, and after a commit whose answer
    was lost it finds that all is done. If somebody else commits meanwhile, it looks again at what is there.

    Args:
        repository ([`Repository`]): What it shall hold.
        options ([`UploadOptions`], *optional*): How.
        token (`str`, *optional*): A token of the Hub; the one that is saved on this machine by default.

    Returns:
        [`~huggingface_hub.CommitInfo`]: The commit that has these contents, whether it was made now or before.

    Raises:
        InputError: If the Hub refuses it, or if the repository is public where it should be private, holds something
            else, or has a tag of that name with other contents.
        HubError: If the Hub, or the way to it, still fails after some repetitions.
    """
    api, options = HfApi(token=token), options or UploadOptions()
    return patiently(lambda: _make(api, repository, options), repository.title)


def _make(api: HfApi, repository: Repository, options: UploadOptions) -> CommitInfo:
    """Do what is left to do; all of this may have been done before."""
    there = _look(api, repository, options)
    if options.private and not there.private:
        raise InputError(f"private: {repository.title} is public; change its settings, or choose another")
    if repository.holds_something_else(file.rfilename for file in there.siblings or []):
        kind = "a recording" if repository.repo_type == "dataset" else "what is published"
        raise InputError(f"repo_id: {repository.title} holds something else than {kind}; choose another")
    changes, tagged = repository.changes(there.siblings or []), _tagged(api, repository, options.tag)
    if tagged is not None and repository.changes(tagged.siblings or []):
        raise InputError(f"tag: {options.tag} of {repository.title} holds something else; choose another")
    commit = _existing(api, repository, there.sha) if not changes else None
    if commit is None and options.pull_request:
        commit = _proposed(api, repository)
    if commit is None:
        commit = _commit(api, repository, options, there.sha, changes)
    if options.tag is not None and tagged is None:
        api.create_tag(
            repository.repo_id, tag=options.tag, revision=commit.oid, repo_type=repository.repo_type, exist_ok=True
        )
    return commit


def _look(api: HfApi, repository: Repository, options: UploadOptions) -> RepositoryInfo:
    """Return what is there, in a repository and a branch that are created if they are missing."""
    try:
        return _info(api, repository, options.revision)
    except RepositoryNotFoundError:
        space = {"space_sdk": "gradio"} if repository.repo_type == "space" else {}
        api.create_repo(
            repository.repo_id, repo_type=repository.repo_type, private=options.private, exist_ok=True, **space
        )
    except RevisionNotFoundError:
        pass
    try:
        return _info(api, repository, options.revision)
    except RevisionNotFoundError:
        if options.revision is None or options.revision.startswith("refs/"):
            raise
        api.create_branch(repository.repo_id, branch=options.revision, repo_type=repository.repo_type, exist_ok=True)
    return _info(api, repository, options.revision)


def _info(api: HfApi, repository: Repository, revision: str | None) -> RepositoryInfo:
    return api.repo_info(repository.repo_id, repo_type=repository.repo_type, revision=revision, files_metadata=True)


def _tagged(api: HfApi, repository: Repository, tag: str | None) -> RepositoryInfo | None:
    """Return what a tag names, if there is one of that name."""
    try:
        return _info(api, repository, tag) if tag is not None else None
    except RevisionNotFoundError:
        return None


def _commit(
    api: HfApi, repository: Repository, options: UploadOptions, head: str | None, changes: Changes
) -> CommitInfo:
    additions = [CommitOperationAdd(path, repository.files[path]) for path in changes.written]
    return api.create_commit(
        repository.repo_id,
        [*additions, *(CommitOperationDelete(path) for path in changes.deleted)],
        commit_message=redact(options.message),
        repo_type=repository.repo_type,
        revision=options.revision,
        create_pr=options.pull_request,
        # What is sent and deleted was chosen by what is there now.
        parent_commit=head,
    )


def _proposed(api: HfApi, repository: Repository) -> CommitInfo | None:
    """Return the pull request that has these contents already, such as one whose answer was lost."""
    found = api.list_repo_refs(repository.repo_id, repo_type=repository.repo_type, include_pull_requests=True)
    numbers = [int(entry.ref.rpartition("/")[2]) for entry in found.pull_requests or [] if entry.ref[-1:].isdigit()]
    for number in sorted(numbers, reverse=True)[:REVIEWED]:
        proposed = _info(api, repository, f"refs/pr/{number}")
        if not repository.changes(proposed.siblings or []):
            return _existing(api, repository, proposed.sha, number)
    return None


def _existing(api: HfApi, repository: Repository, sha: str, pull_request: int | None = None) -> CommitInfo:
    """Return a commit that was made before in the form of a new one."""
    prefix = "" if repository.repo_type == "model" else f"{repository.repo_type}s/"
    address = f"{api.endpoint}/{prefix}{repository.repo_id}"
    return CommitInfo(
        commit_url=f"{address}/commit/{sha}",
        commit_message="",
        commit_description="",
        oid=sha,
        pr_url=f"{address}/discussions/{pull_request}" if pull_request is not None else None,
    )
