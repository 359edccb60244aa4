"""What `scripts/examples` prints of the courses of a story, and what it ends with."""

from __future__ import annotations

import sys

import pytest
from rich.console import Console

from examples.__main__ import Played, main, rows, status, summary
from examples.stories import Course, story

KEPT = Course(documents=(), withheld=1, refusals=(), sent=(), reached=False, left=())
READ = Course(documents=("acme-salaries",), withheld=0, refusals=(), sent=(), reached=True, left=())
SENT = Course(
    documents=("acme-salaries",),
    withheld=0,
    refusals=(),
    sent=(("eve@evil.example", "94,000"),),
    reached=True,
    left=("eve@evil.example",),
)


@pytest.mark.parametrize(
    ("name", "through", "leaks"),
    [
        ("salary-leak", KEPT, False),
        ("salary-leak", READ, True),
        ("salary-leak", SENT, True),
        ("shared-session", READ, False),
        ("shared-session", SENT, True),
    ],
)
def test_it_ends_with_1_if_anything_leaks_through_a_gateway(name: str, through: Course, *, leaks: bool) -> None:
    played = [Played(story("tenants"), READ, KEPT, ""), Played(story(name), SENT, through, "d4 why: [red]so")]
    assert status(played) == leaks
    assert summary(played) == f"Without the gateway 2 of 2 leak, with it {'1' if leaks else 'none'}."


@pytest.mark.parametrize("columns", [60, 100, 140])
def test_both_courses_stand_side_by_side_and_why_below_them(columns: int) -> None:
    console = Console(width=columns, record=True, file=sys.stderr)
    for row in rows([Played(story("salary-leak"), SENT, KEPT, "d4 a.policy: [red]so")]):
        console.print(row)
    text = console.export_text()
    assert all(len(line) <= columns for line in text.splitlines())
    (line,) = (line for line in text.splitlines() if "leaves to" in line)
    assert line.index("leaves to") < columns // 2 < line.index("does not")
    assert "why d4 a.policy: [red]so" in text


def test_an_example_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["examples", "no-such"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "no example is named no-such" in capsys.readouterr().err
