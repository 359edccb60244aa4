"""Versions of policies as they are named on the command line."""

from __future__ import annotations

from contextlib import closing

from rule_of_two.cli.main import Context
from rule_of_two.errors import PolicyError
from rule_of_two.gateway.policy_versions import SHORTEST, PolicyVersions, Version
from rule_of_two.store.journal import JournalStore


def named_version(context: Context, versions: PolicyVersions, name: str) -> Version:
    """The version that is called so, by the beginning of its own digest or of that which decisions name.

    :raises PolicyError: there is none, there are several, or its file was changed.
    """
    word = name.lower()
    if len(word) < SHORTEST:
        raise PolicyError(f"'{name}' is too short for a version; give {SHORTEST} characters of it")
    found = {version for version in versions.names() if version.startswith(word)}
    if not found and (context.state / "journal.db").exists():
        with closing(JournalStore(context.state)) as store:
            found = {content for version, content in store.contents().items() if version.startswith(word)}
    if len(found) != 1:
        many = "several versions are" if found else "no version is"
        raise PolicyError(f"{many} called '{name}'; `rule-of-two policy history` lists them")
    return versions.get(found.pop())
