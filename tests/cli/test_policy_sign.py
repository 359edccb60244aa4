"""`rule-of-two policy sign`: asked for the passphrase of the key, and never without one."""

from __future__ import annotations

import os
import sys

import pytest

from rule_of_two.approvals.keys import ApproverKey
from tests.harness import House, outcome
from tests.policies import own

PASSPHRASE = "correct horse battery"  # noqa: S105  # of a key that the test makes


@pytest.mark.terminal
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
async def test_what_a_person_signed_is_served_where_signatures_are_required(house: House) -> None:
    from tests.cli.prompts import prompts

    own(house)
    key, path = ApproverKey.generate(), house.folder / "approver.key"
    key.save(path, PASSPHRASE, approver="alice")
    environment = {**os.environ, "RULE_OF_TWO_KEY": str(path)}
    with prompts(["--config", str(house.config), "policy", "sign"], environment) as person:
        person.answer("Passphrase of the key of 'alice'", PASSPHRASE)
        assert person.end() == 0, person.output
        assert PASSPHRASE.encode() not in person.output
        assert b"signed by alice" in person.output
    command = house.command("serve", "--require-signed", "--signed-by", key.public.line)
    async with house.gateway(command=command) as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("./other",), "'./other' is no entry of your own"), ((), "There is no key in"), (("default",), "is no entry")],
)
def test_what_cannot_be_signed_is_said(house: House, arguments: tuple[str, ...], said: str) -> None:
    own(house)
    assert said in house.run("policy", "sign", "--key", str(house.folder / "no.key"), *arguments, code=2)


def test_policies_that_are_wrong_are_not_signed(house: House) -> None:
    own(house, "permit (")
    assert "is not valid Cedar" in house.run("policy", "sign", code=2)


def test_shipped_sets_need_no_signature(house: House) -> None:
    assert "shipped ones need no signature" in house.run("policy", "sign", code=2)
