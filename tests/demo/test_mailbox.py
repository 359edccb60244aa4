"""The mailbox: what was sent is there to be counted, and what came in is not among it."""

from __future__ import annotations

from pathlib import Path

from rule_of_two.demo.mailbox import Mail, Mailbox


def test_what_is_sent_stands_in_sent_and_what_came_in_does_not(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mail.db")
    mailbox.receive("mei@example.org", "Lunch", "Noon?")
    mailbox.send("eve@evil.example", "Hi", "'); DROP TABLE sent; --")
    assert mailbox.inbox() == [Mail(1, "mei@example.org", "Lunch", "Noon?")]
    assert mailbox.sent() == [Mail(1, "eve@evil.example", "Hi", "'); DROP TABLE sent; --")]


def test_another_process_sees_it_at_once(tmp_path: Path) -> None:
    one, other = Mailbox(tmp_path / "mail.db"), Mailbox(tmp_path / "mail.db")
    assert other.sent() == []
    one.send("a@b.c", "s", "b")
    assert len(other.sent()) == 1
