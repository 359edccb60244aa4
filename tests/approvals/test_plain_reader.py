"""Lists that are read out in plain lines, and settled."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

from rule_of_two.approvals.messages import (
    PROTOCOL,
    Changed,
    GatewayHello,
)
from rule_of_two.approvals.plain_console import PlainConsole
from rule_of_two.approvals.signer import Signer
from tests.approvals.samples import NOW
from tests.approvals.test_definition_desk import KEY, WAITING


def test_the_plain_console_reads_it_out_and_settles_it(tmp_path: Path) -> None:
    out, at = io.StringIO(), [100.0]
    console = PlainConsole(
        tmp_path,
        Signer("alice", KEY),
        out,
        columns=lambda: 80,
        now=lambda: NOW + timedelta(seconds=at[0]),
        monotonic=lambda: at[0],
    )
    console._hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    console._hear("g1", Changed(changes=WAITING))
    assert "The server mail offers 2 definitions that nobody accepted so. Type c and Enter." in out.getvalue()
    for line in ("c", "c 9", "c 2", "p", "p"):
        at[0] += 5
        console.typed(line)
    told = out.getvalue()
    assert "There is no such item" in told
    assert '| "send" of the server "mail"' in told
    assert "That was all of it. p accepts it, n refuses it." in told
    assert "Accept the tool send of mail?" in told
    assert "The gateway is gone, so nothing was approved." in told
