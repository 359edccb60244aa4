"""Whoever can write the operator's files, and has no key that counts, gets nothing into force by them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.gateway.signatures import Signature, sign, statement
from rule_of_two.policy.sources import Own, Sources
from tests.harness import House, outcome
from tests.policies import BLOCK_NOTHING, BLOCK_READS, events, own, until

ALICE, EVE = ApproverKey.generate(), ApproverKey.generate()
PERMIT_ALL = '@id("own.all") @message("All.") permit (principal, action, resource);'


def _sources(house: House) -> Sources:
    return Sources(tuple(house.settings["policies"]), tuple(house.settings.get("entities", ())), house.folder)


def _sign(house: House, key: ApproverKey = ALICE, *, later: int = 0) -> None:
    for one in _sources(house).own():
        sign(one, key, now=datetime.now(UTC) + timedelta(seconds=later))


def _serve(house: House, *keys: str) -> list[str]:
    given = [word for key in keys or (ALICE.public.line,) for word in ("--signed-by", key)]
    return house.command("serve", "--require-signed", *given)


def _refused(house: House, said: str) -> None:
    text = house.run(*_serve(house)[_serve(house).index("serve") :], code=2)
    assert said in text
    assert not (house.state / "journal.db").exists()


async def test_signed_policies_are_served_and_reloaded_once_they_are_signed_again(house: House) -> None:
    file = own(house)
    entities = house.folder / "entities.json"
    entities.write_text("[]")
    house.settings["entities"] = ["./entities.json"]
    _sign(house)
    async with house.gateway(command=_serve(house)) as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
        file.write_text(BLOCK_READS)
        assert (
            "policies.sig: is not the signature of what './own' holds now" in (await until(house, "refused"))["error"]
        )
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
        _sign(house)
        await until(house, "in_force", 2)
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"


def _nothing(house: House) -> None:
    (house.folder / "own" / "policies.sig").unlink()


def _an_edit(house: House) -> None:
    (house.folder / "own" / "own.cedar").write_text(PERMIT_ALL)


def _an_extra_file(house: House) -> None:
    (house.folder / "own" / "z.cedar").write_text(PERMIT_ALL)


def _a_linked_file(house: House) -> None:
    (house.folder / "elsewhere.txt").write_text(PERMIT_ALL)
    (house.folder / "own" / "z.cedar").symlink_to(house.folder / "elsewhere.txt")


def _settings(house: House) -> None:
    (house.folder / "own" / "set.yaml").write_text("version: 1\nc: communication\n")


def _a_renamed_file(house: House) -> None:
    (house.folder / "own" / "own.cedar").rename(house.folder / "own" / "other.cedar")


def _another_folder(house: House) -> None:
    """Signed too, but as something else: a link leads there."""
    lenient = house.folder / "lenient"
    shutil.copytree(house.folder / "own", lenient)
    (lenient / "own.cedar").write_text(PERMIT_ALL)
    (found,) = Sources(("./lenient",), (), house.folder).own()
    sign(found, ALICE, now=datetime.now(UTC))
    shutil.rmtree(house.folder / "own")
    (house.folder / "own").symlink_to(lenient)


def _another_key(house: House) -> None:
    _sign(house, EVE)


def _anothers_name(house: House) -> None:
    """Eve's signature that says it is by alice's key."""
    _an_edit(house)
    _forge(house, EVE.sign)


def _a_word_for_something_else(house: House) -> None:
    """What alice signed as an approver is no signature of policies, whatever is in it."""
    _an_edit(house)
    _forge(house, lambda said: ALICE.sign(said.replace(b"rule-of-two/policy-signature/1", b"rule-of-two/receipt/1")))


def _garbage(house: House) -> None:
    (house.folder / "own" / "policies.sig").write_bytes(b"\xff" * 100)


def _a_pipe(house: House) -> None:
    _nothing(house)
    os.mkfifo(house.folder / "own" / "policies.sig")


def _entities(house: House) -> None:
    (house.folder / "entities.json").write_text("[]\n")


def _forge(house: House, signed: Callable[[bytes], str]) -> None:
    found: Own = next(iter(_sources(house).own()))
    at, key = "2026-01-01T00:00:00+00:00", ALICE.public.fingerprint
    said = statement(found, serial=9, at=at, key=key)
    found.signature.write_text(Signature(serial=9, at=at, key=key, digest="", signature=signed(said)).model_dump_json())


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        (_nothing, "there is no signature"),
        (_an_edit, "is not the signature of what"),
        (_an_extra_file, "is not the signature of what"),
        (_a_linked_file, "is not the signature of what"),
        (_settings, "is not the signature of what"),
        (_a_renamed_file, "is not the signature of what"),
        (_another_folder, "is not the signature of what"),
        (_another_key, "is by a key that --signed-by does not name"),
        (_anothers_name, "is not the signature of what"),
        (_a_word_for_something_else, "is not the signature of what"),
        (_garbage, "there is no signature"),
        (_a_pipe, "there is no signature"),
        (_entities, "entities.json.sig: is not the signature of what"),
    ],
)
def test_what_is_not_signed_does_not_start(house: House, attack: Callable[[House], None], said: str) -> None:
    own(house)
    (house.folder / "entities.json").write_text("[]")
    house.settings["entities"] = ["./entities.json"]
    _sign(house)
    attack(house)
    _refused(house, said)


async def test_an_older_signed_set_is_not_turned_back_to_neither_running_nor_after_a_restart(house: House) -> None:
    file = own(house)
    _sign(house)
    shutil.copytree(file.parent, house.folder / "old")
    file.write_text(BLOCK_READS)
    _sign(house, later=5)
    async with house.gateway(command=_serve(house)) as gateway:
        for name in ("own.cedar", "policies.sig"):
            shutil.copy(house.folder / "old" / name, file.parent / name)
        assert "a later one was in force before" in (await until(house, "refused"))["error"]
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    text = house.run(*_serve(house)[_serve(house).index("serve") :], code=2)
    assert "a later one was in force before" in text


@pytest.mark.parametrize("content", [b"[", b"[]", b'{"./own": "9"}', b'{"./own": true}'])
async def test_serials_that_nobody_can_read_are_no_reason_to_forget_them(house: House, content: bytes) -> None:
    own(house)
    _sign(house)
    async with house.gateway(command=_serve(house)):
        pass
    (house.state / "policies" / "serials.json").write_bytes(content)
    text = house.run(*_serve(house)[_serve(house).index("serve") :], code=2)
    assert "nobody knows which signatures are old" in text


def test_what_is_verified_is_what_is_loaded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is changed between the check and the loading: both read the same snapshot."""
    from rule_of_two.gateway import blueprint
    from rule_of_two.gateway.config import load_config
    from rule_of_two.gateway.signatures import Trust

    file = own(house, BLOCK_READS)
    _sign(house)
    check = Trust.check

    def changed_after(self: Trust, sources: Sources, files: object) -> None:
        check(self, sources, files)  # type: ignore[arg-type]  # passed on as it came
        file.write_text(PERMIT_ALL)
        (file.parent / "z.cedar").write_text(BLOCK_NOTHING)

    monkeypatch.setattr(Trust, "check", changed_after)
    config = house.config
    drawn = blueprint.draw(load_config(config), file=config, state=house.state, signed_by=[ALICE.public])
    assert {name for name in drawn.policies.by_id if name.startswith("own.")} == {"own.no-private"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--require-signed",), "belong together"),
        (("--signed-by", ALICE.public.line), "belong together"),
        (("--require-signed", "--signed-by", "ssh-ed25519 AAAA"), "is not an Ed25519 public key"),
        (("--require-signed", "--signed-by", "/nowhere"), "is neither a public key nor a file"),
    ],
)
def test_keys_that_are_none_do_not_start(house: House, options: Sequence[str], said: str) -> None:
    own(house)
    _sign(house)
    assert said in house.run("serve", *options, code=2)


async def test_keys_can_stand_in_a_file_and_shipped_sets_need_no_signature(house: House) -> None:
    keys = house.folder / "signers"
    keys.write_text(f"# the platform team\n\n{EVE.public.line} eve\n{ALICE.public.line} alice\n")
    async with house.gateway(command=_serve(house, str(keys))) as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
    assert len(events(house, "in_force")) == 1
    assert json.loads((house.state / "policies" / "serials.json").read_text()) == {}
