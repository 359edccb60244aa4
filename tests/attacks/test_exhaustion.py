"""Upstreams that send too much: each is held to its budget, and the others go on.

What is asserted is what was asked for, taken and written down; how long it took depends on the machine.
"""

from __future__ import annotations

import sys
from types import FrameType

from tests.attacks.evil import LIST, NEXT_LINE, evil, flood, methods, names
from tests.harness import House, outcome

CHANGED = '{"method": "notifications/tools/list_changed"}'


async def test_a_thousand_announcements_of_a_change_are_one_reading(house: House) -> None:
    """h07: each announcement started a task that waited for the list and then read it again."""
    gate = 'while getattr(self, "gated", False) and not (JOURNAL.parent / "gate").exists(): await asyncio.sleep(0.01)'
    code = f"self.gated = True{NEXT_LINE}for _ in range(1000): self.write({CHANGED})"
    flood(house, code, (LIST, gate + NEXT_LINE + LIST))
    async with house.gateway() as gateway:
        await names(gateway)
        await gateway.call("rec__hang")
        assert outcome(await gateway.call("other__neutral")) == ("allow", None)
        (house.folder / "gate").touch()
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
    assert methods(house).count("tools/list") <= 4


def _tools(code: str) -> tuple[str, str]:
    """The recording upstream's tools, and those of an expression."""
    return LIST, f'result = {{"tools": [*self.tools(), *({code})]}}'


def _left_out(house: House) -> list[str]:
    return [entry["message"] for entry in house.journal("upstream") if "left out" in entry["message"]]


async def test_no_more_than_2000_definitions_of_one_upstream_are_taken(house: House) -> None:
    """h08: by number."""
    house.servers = {"rec": evil(house, _tools('{"name": "t%d" % i} for i in range(2100)'))}
    async with house.gateway() as gateway:
        listed = await names(gateway)
    assert "rec__t0" in listed
    assert 1900 < len(listed) <= 2000
    assert _left_out(house)
    assert "left out" in gateway.stderr


async def test_no_more_than_8_mib_of_definitions_of_one_upstream_are_taken(house: House) -> None:
    """h08: by size, all together."""
    large = '{"name": "t%d" % i, "description": "x" * (250 << 10)} for i in range(50)'
    house.servers = {"rec": evil(house, _tools(large)), "other": house.recorder("other")}
    async with house.gateway() as gateway:
        while len(listed := await names(gateway)) < 50:
            await gateway.request("ping")
        assert outcome(await gateway.call("other__neutral")) == ("allow", None)
    taken = [name for name in listed if name.startswith("rec__t")]
    assert len(taken) * 250 << 10 <= 8 << 20
    assert len(taken) > 30
    assert _left_out(house)


async def test_a_list_without_end_is_not_read_without_end(house: House) -> None:
    """h08: pages that always name a next one."""
    pages = (
        f'self.page = getattr(self, "page", 0) + 1{NEXT_LINE}'
        'result = {"tools": [{"name": "t%d_%d" % (self.page, i)} for i in range(100)], "nextCursor": "more"}'
    )
    house.servers = {"rec": evil(house, (LIST, pages)), "other": house.recorder("other")}
    async with house.gateway() as gateway:
        while not (listed := [name for name in await names(gateway) if name.startswith("rec__t")]):
            await gateway.request("ping")
        assert 1900 < len(listed) <= 2000
    assert methods(house).count("tools/list") <= 25
    assert _left_out(house)


async def test_a_large_definition_is_left_out_alone(house: House) -> None:
    """h09: canonicalising one of some megabytes stopped everybody for many seconds."""
    large = '[{"name": "large", "inputSchema": {"a": [{"a": 0}] * 60000}}] if self.more else []'
    house.servers = {"rec": evil(house, _tools(large)), "other": house.recorder("other")}
    async with house.gateway() as gateway:
        before = await names(gateway)
        await gateway.call("rec__add_tool")
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
        assert await names(gateway) == before
        assert outcome(await gateway.call("other__neutral")) == ("allow", None)
    assert _left_out(house)


def test_finding_the_upstream_of_a_uri_takes_steps_in_proportion_to_its_templates() -> None:
    """h10: a pattern was compiled of every template of an upstream's, for every URI that the model named."""
    from rule_of_two.gateway.catalog import _fills

    steps = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps
        steps += event in {"call", "c_call"}

    parts = 450
    for template, uri in (
        ("y:{a}" + "{b}x" * parts, "zzz:x"),
        ("y:{a}" + "{b}x" * parts, "y:" + "x" * parts),
        ("{a}x" * parts + "y", "x" * 10 * parts),
    ):
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            _fills(template, uri)
        finally:
            sys.setprofile(before)
    assert 0 < steps < 10 * 3 * parts


async def test_a_frame_of_too_many_values_ends_that_upstream_and_nothing_else(house: House) -> None:
    """h11: 16 MiB of small values with one escaped colon went through the slow parser, again and again."""
    code = (
        'self.write_raw(b\'{"jsonrpc":"2.0","method":"notifications/x","params":{"a":[\''
        ' + b",".join([b\'{"":0}\'] * 600000) + b\',"\\\\u003a"]}}\\n\')'
    )
    flood(house, code)
    async with house.gateway() as gateway:
        await names(gateway)
        assert outcome(await gateway.call("rec__hang")) == ("deny", "upstream_unavailable")
        while not [entry for entry in house.journal("upstream") if "values" in entry["message"]]:
            assert outcome(await gateway.call("other__neutral")) == ("allow", None)


async def test_garbage_does_not_fill_the_journal(house: House) -> None:
    """h12: every line that was no frame became an entry, committed in a transaction of its own."""
    flood(house, 'self.write_raw(b"x\\n" * 3000)')
    async with house.gateway() as gateway:
        await names(gateway)
        assert outcome(await gateway.call("rec__hang")) == ("allow", None)
        assert outcome(await gateway.call("other__neutral")) == ("allow", None)
    assert 1 <= len([entry for entry in house.journal("upstream") if "dropped" in entry["message"]]) < 20
    assert len(house.journal()) < 40
    assert gateway.stderr.count("dropped") < 20
