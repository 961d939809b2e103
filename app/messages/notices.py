"""The one road for what is told to the user: it posts notices, a bar shows the newest, a list keeps them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal

from core.protocol.base import ErrorInfo
from core.protocol.movie import IssueLevel

MOST_KEPT = 500


@dataclass(frozen=True)
class Choice:
    """A button of a notice: its words and what it does."""

    text: str
    do: Callable[[], None]


@dataclass(frozen=True)
class Message:
    """Something told to the user. One with the `key` of an earlier one takes its place."""

    level: IssueLevel
    text: str
    key: str = ""
    choices: tuple[Choice, ...] = ()
    sticky: bool = False
    time: float = field(default_factory=time.time, compare=False)


class Notices(QObject):
    """Keeps what was told and says when something new is."""

    posted = Signal(object)
    reworded = Signal(str, str)
    withdrawn = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.history: list[Message] = []

    def post(self, message: Message) -> None:
        """Tell the user something."""
        self.history.append(message)
        del self.history[:-MOST_KEPT]
        self.posted.emit(message)

    def tell(self, level: IssueLevel, text: str, key: str = "", *choices: Choice, sticky: bool = False) -> None:
        """Tell the user a sentence, with buttons if there are choices."""
        self.post(Message(level, text, key, choices, sticky or bool(choices)))

    def tell_error(self, error: ErrorInfo, key: str = "", *choices: Choice) -> None:
        """Tell the user about an error: what happened, to which file, what to do."""
        self.tell("error", error.sentence(), key, *choices, sticky=True)

    def reword(self, key: str, text: str) -> None:
        """What this key said goes on with another number: change it where it is seen, without saying it again."""
        self.reworded.emit(key, text)

    def withdraw(self, key: str) -> None:
        """What this key said is over: take it from the bar."""
        self.withdrawn.emit(key)
