"""The one error of the emulator, with a message and a hint."""

from __future__ import annotations


class EmulatorError(Exception):
    """A key name, the folder or the port cannot be used; `hint` says what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Both, in one line."""
        return f"{self.message} {self.hint}".rstrip()
