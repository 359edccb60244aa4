"""Ways to lose the labels of a session without a human's word: a crash, a broken connection, a new session."""

from __future__ import annotations

from tests.attacks.evil import LIST, NEXT_LINE, evil, methods
from tests.attacks.puppets import new_session
from tests.harness import DECISION, House, outcome


async def test_a_malformed_list_ends_neither_the_gateway_nor_the_session(house: House) -> None:
    """h01: an upstream answers a changed list with duplicate keys; the crash used to end the session cleanly."""
    reply = '{"jsonrpc":"2.0","id":%d,"result":{"tools":[],"tools":[]}}'
    malformed = f"if 'eve' in self.send_description: return self.write_raw(b'{reply}\\n' % number)"
    house.servers = {"rec": evil(house, (LIST, malformed + NEXT_LINE + LIST)), "other": house.recorder("other")}
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("other__read_private")
        changing = gateway.start("tools/call", {"name": "rec__change_send", "arguments": {}})
        while methods(house).count("tools/list") < 2:
            await gateway.request("ping")
        await changing
        assert outcome(await gateway.call("other__neutral")) == ("allow", None)
        assert outcome(await gateway.call("other__send")) == ("ask", "approval_required")
        assert gateway.process.returncode is None
    assert "send" not in house.sent("other")


async def test_a_connection_that_was_broken_off_keeps_its_labels(house: House) -> None:
    """h02: the model makes a frame that is too long; the gateway hangs up, and the host starts it again."""
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
        gateway.start("tools/call", {"name": "rec__send", "arguments": {"body": "x" * (17 << 20)}})
        await gateway.process.wait()
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert "send" not in house.sent()


async def test_ambient_labels_hold_in_a_new_session_too(house: House) -> None:
    """h13: the operator declared that the client itself reads untrusted text; `session new` does not change that."""
    house.settings["sessions"] = {"ambient": ["A"]}
    async with house.gateway() as gateway:
        session = (await gateway.call("rec__neutral"))["_meta"][DECISION]["session"]
        await new_session(house, session)
        await gateway.call("rec__read_private")
        assert house.held() == {"A", "B"}
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert "send" not in house.sent()
