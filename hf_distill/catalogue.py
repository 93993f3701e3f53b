# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a catalogue is: classes of one kind by their names, open to a user's own."""

from __future__ import annotations

from typing import Generic, TypeVar

from hf_distill.errors import InputError, nearest_name

Entry = TypeVar("Entry", bound=type)


class Catalogue(dict[str, Entry], Generic[Entry]):
    """
    Classes by their `name`.

    Args:
        kind (`str`): What the classes are, in a word, for messages.
        entries: The classes that come with the package.
    """

    def __init__(self, kind: str, *entries: Entry):
        super().__init__({entry.name: entry for entry in entries})
        self.kind = kind

    def register(self, entry: Entry) -> Entry:
        """
        Add a class and return it.

        Raises:
            InputError: If another class has its name.
        """
        if self.get(entry.name, entry) is not entry:
            raise InputError(f"{self.kind} {entry.name}: the name is taken by {self[entry.name].__qualname__}")
        self[entry.name] = entry
        return entry

    def find(self, name: str, field: str) -> Entry:
        """
        Return the class of that name.

        Args:
            name (`str`): The name.
            field (`str`): The field that gives it, for the message.

        Raises:
            InputError: If there is none; the message has the nearest name.
        """
        if not isinstance(name, str) or name not in self:
            raise InputError(f"{field}: there is no {self.kind} {name!r}{nearest_name(str(name), self)}")
        return self[name]
