"""The consoles that are attached to a gateway, and what all of them are told: questions, and how the sessions stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from rule_of_two.approvals.messages import Sessions, SessionStatus, ToConsole, encode_to_console
from rule_of_two.records import replace


class Console(Protocol):
    """An attached console, as the desk sees it."""

    def send(self, line: bytes) -> bool:
        """Take a line, at once. ``False``: it cannot keep up, and is to be detached."""


class Audience:
    """Everybody who could answer. ``deserted`` is called when the last console is gone."""

    def __init__(self, deserted: Callable[[], None]) -> None:
        self._deserted = deserted
        self._consoles: list[Console] = []
        self._sessions: dict[object, SessionStatus] = {}
        self._turned_away: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._consoles)

    def join(self, console: Console, waiting: Iterable[bytes]) -> None:
        """Tell a console of the sessions and of what waits; it counts from now on, unless it cannot keep up."""
        self._consoles.append(console)
        if not all(console.send(line) for line in (self._sessions_line(), *waiting)):
            self.leave(console)

    def leave(self, console: Console) -> None:
        """Forget a console."""
        if console in self._consoles:
            self._consoles.remove(console)
        if not self._consoles:
            self._deserted()

    def tell(self, message: ToConsole) -> None:
        """Say something to every console. It is put into words only if there is one."""
        if self._consoles:
            self.send(encode_to_console(message))

    def send(self, line: bytes) -> None:
        """Say a finished line to every console. One that cannot keep up is forgotten."""
        for console in list(self._consoles):
            if not console.send(line):
                self.leave(console)

    def publish(self, connection: object, status: SessionStatus) -> None:
        """Say what the session of a live connection has seen. Costs nothing while no console is attached."""
        if self._sessions.get(connection) != status:
            self._sessions[connection] = status
            self._tell_sessions()

    def retract(self, connection: object) -> None:
        """The connection has ended."""
        if self._sessions.pop(connection, None) is not None:
            self._tell_sessions()

    def turned_away(self, session: str) -> None:
        """Count a question of a session that was refused without being shown."""
        self._turned_away[session] += 1
        self._tell_sessions()

    def _tell_sessions(self) -> None:
        if self._consoles:
            self.send(self._sessions_line())

    def _sessions_line(self) -> bytes:
        distinct = {
            status.id: replace(status, turned_away=self._turned_away[status.id]) for status in self._sessions.values()
        }
        return encode_to_console(Sessions(sessions=tuple(distinct.values())))
