"""Who watches a run in tests."""

from __future__ import annotations


class Quiet:
    """Keeps the notes of a run and says nothing."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def begin(self, *_: object) -> None:
        """Do nothing."""

    def end(self, *_: object) -> None:
        """Do nothing."""

    def train(self, *_: object) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)
