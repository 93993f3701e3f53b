# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Keeping tokens and the folders of one machine out of what is published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

SECRET_KEYS = frozenset(
    {"token", "hub_token", "hf_token", "push_to_hub_token", "auth_token", "use_auth_token", "access_token", "api_key"}
)
TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}\b")
URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
NAME = r"[^\s\\/'\"`,;:()\[\]{}<>|]+"
# Not after a letter, a slash or a colon: "a/b" and "https://host/page" are no local paths.
LOCAL_PATH = re.compile(rf"(?<![\w/:.<*~-])(?:(?:file://|~[\w.-]*)?/|[A-Za-z]:[\\/])(?:{NAME}[\\/]+)*({NAME})[\\/]?")


def redact(value: Any) -> Any:
    """Remove tokens and local paths from text, also inside of mappings and lists.

    Args:
        value (`Any`): Text, or nested mappings, lists and tuples with text in them. Anything else stays as it is.

    Returns:
        `Any`: The same without entries named like a token, with each local path replaced by its last name.

    Example:
        >>> redact({"model": "/home/ada/my teacher", "hub_token": "secret", "note": "see /tmp/runs/first now"})
        {'model': 'my teacher', 'note': 'see first now'}
    """
    if isinstance(value, Mapping):
        return {redact(key): redact(item) for key, item in value.items() if not _is_secret(key, item)}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return _redact_text(value) if isinstance(value, str) else value


def redact_yaml(text: str) -> str:
    """Remove tokens and local paths from a YAML document.

    Args:
        text (`str`): The document.

    Returns:
        `str`: The document as it is written anew, without comments; redacted as plain text if it cannot be read.
    """
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return _redact_text(text)
    if not isinstance(document, dict | list):
        return _redact_text(text)
    return yaml.safe_dump(redact(document), sort_keys=False, allow_unicode=True, width=110)


def _is_secret(key: Any, value: Any) -> bool:
    # A class of entities may be called so as well, and has scores.
    return str(key).lower() in SECRET_KEYS and not isinstance(value, Mapping)


def _redact_text(text: str) -> str:
    """The text without tokens, without credentials in addresses and with the last name of each local path."""
    text = URL_CREDENTIALS.sub("", TOKEN.sub("[token removed]", text))
    # A text that is one path from end to end may have spaces in it.
    if "\n" not in text:
        for path in (PurePosixPath(text.removeprefix("file://")), PureWindowsPath(text)):
            if path.is_absolute() and path.name:
                return path.name
    return LOCAL_PATH.sub(lambda match: match[1], text)
