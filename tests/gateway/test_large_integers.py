"""A tool whose definition holds an integer that RFC 8785 cannot write: it is listed to the digit, pinned and called."""

from __future__ import annotations

import pytest

from tests.attacks.modern_upstream import Upstream, upstream
from tests.harness import Gateway, House, outcome

LARGE = 2**64 + 1


async def _maximum(gateway: Gateway) -> int:
    tools = (await gateway.request("tools/list"))["result"]["tools"]
    maximum: int = next(one for one in tools if one["name"] == "far__read")["inputSchema"]["properties"]["n"]["maximum"]
    return maximum


def _takes_at_most(far: Upstream, maximum: int) -> None:
    far.schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": maximum}}}


@pytest.mark.parametrize("typed", [False, True])
async def test_it_is_listed_to_the_digit_and_stays_pinned_across_a_restart(house: House, *, typed: bool) -> None:
    house.settings["typed_arguments"] = typed
    with upstream(house) as far:
        _takes_at_most(far, LARGE)
        async with house.gateway() as gateway:
            assert await _maximum(gateway) == LARGE
            assert outcome(await gateway.call("far__read", {"n": 1})) == ("allow", None)
        _takes_at_most(far, LARGE + 1)
        async with house.gateway() as gateway:
            assert await _maximum(gateway) == LARGE, "what was accepted"
            assert outcome(await gateway.call("far__read", {"n": 1})) == ("deny", "definition_changed")
        assert far.calls == 1
        assert f"+ {LARGE + 1}" in house.run("manifest", "pin", "far", code=1)
        house.run("manifest", "pin", "far", "--accept")
        async with house.gateway() as gateway:
            assert await _maximum(gateway) == LARGE + 1
            assert outcome(await gateway.call("far__read", {"n": 1})) == ("allow", None)
