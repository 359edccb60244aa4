"""Secrets of the operator's are in no entry of the journal, however they get there: by the model's arguments, an
upstream's words, an error, encoded or not."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from rule_of_two.gateway.hiding import Hiding
from rule_of_two.store.journal import JournalStore, Line
from tests.harness import House

TOKEN = "tok/en 12345+secret"  # noqa: S105  # of nobody's
ENCODED = base64.b64encode(f"user:{TOKEN}".encode()).decode()


async def test_a_token_that_a_call_names_is_in_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", TOKEN)
    house = House(tmp_path)
    house.servers = {"rec": {**house.recorder("sent"), "env": {"TOKEN": "${env:OUR_TOKEN}"}}}
    async with house.gateway() as gateway:
        for recipient in (TOKEN, f"https://x.example/?t={quote(TOKEN, safe='')}", ENCODED):
            await gateway.request("tools/call", {"name": "rec__send", "arguments": {"to": recipient}})
            await gateway.request("tools/call", {"name": f"rec__{recipient}", "arguments": {recipient: recipient}})
    with closing(sqlite3.connect(house.state / "journal.db")) as db:
        text = "\n".join(row[0] for row in db.execute("SELECT body FROM entries"))
    assert "••••••••" in text
    for form in (TOKEN, quote(TOKEN, safe=""), ENCODED, "tok/en", "tok%2Fen"):
        assert form not in text


def test_what_people_signed_stays_as_it_is(tmp_path: Path) -> None:
    with closing(JournalStore(tmp_path)) as store:
        store.hide = Hiding([TOKEN, "123456"])
        body = {"receipt": {"digest": "00123456"}, "message": f"{TOKEN} {ENCODED}", "code": 123456, TOKEN: 1}
        entry = store.get(store.append_now(Line("t", "answer", None, None, body)))
    assert entry is not None
    assert entry.body["receipt"] == {"digest": "00123456"}
    assert entry.body["code"] == "••••••••"
    assert TOKEN not in entry.body
    assert TOKEN not in entry.body["message"]
