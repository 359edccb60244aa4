"""What a gateway process opens once, and closes however it ends."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import anyio
import pytest

from rule_of_two.gateway.authorizations import Authorizations
from rule_of_two.gateway.blueprint import draw
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.resources import opened


@pytest.mark.parametrize("cancelled", [False, True])
async def test_everything_is_closed_however_the_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cancelled: bool
) -> None:
    closed: list[str] = []

    async def aclose(_: Authorizations) -> None:
        closed.append("authorizations")

    monkeypatch.setattr(Authorizations, "aclose", aclose)
    config = Config.model_validate({"version": 1, "mcpServers": {}})
    blueprint = draw(config, file=tmp_path / "rule-of-two.yaml", state=tmp_path / "state")
    with anyio.CancelScope() as scope:
        async with opened(blueprint) as resources:
            if cancelled:
                scope.cancel()
                await anyio.sleep_forever()
    assert closed == ["authorizations"]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        resources.state.connection.execute("SELECT 1")
