"""The policies in force in one gateway process: everything that decides reads them here, and they are replaced as one.

# INVARIANT: a decision and the version that its entry names are of one edition: both are read in one step of the event
# loop, which alone replaces editions; tests/attacks/test_policy_reload.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import anyio
import orjson
from msgspec import Struct

from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import Principal
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.context import NOTHING_KNOWN, Environment
from rule_of_two.policy.directory import directory_of
from rule_of_two.policy.files import DISK, Files
from rule_of_two.policy.load import Policies
from rule_of_two.policy.rights import Rights
from rule_of_two.policy.typed.definitions import ToolDefinition
from rule_of_two.records import replace


class Edition(Struct, frozen=True):
    """Policies with what decides by them. ``version`` is the digest of them and of the mounted manifests."""

    version: str
    policies: Policies
    """As their files say."""
    files: Files
    """What they were loaded from."""
    provided: Sequence[Any]
    """Entities that a provider knows besides those."""
    authorizer: Authorizer
    rights: Rights


class Rulebook:
    """Holds the edition in force. Reading it is one attribute; nothing locks, nothing waits."""

    def __init__(
        self,
        policies: Policies,
        principal: Principal,
        client: str,
        *,
        files: Files = DISK,
        manifests: str = "",
        environment: Callable[[str], Environment] = lambda session: NOTHING_KNOWN,
    ) -> None:
        """:param client: the name of the client profile.
        :param files: what the policies were loaded from.
        :param manifests: the digest of the mounted manifests.
        :param environment: what context providers know now, for decisions of a session.
        """
        self._principal = principal
        self._client = client
        self._manifests = manifests
        self.environment = environment
        self.changing = anyio.Lock()
        """Held by whoever makes an edition out of the one in force, from reading it to replacing it."""
        self.tools: Sequence[ToolDefinition] = ()
        """The pinned definitions that type it."""
        self.current = self.edition(policies, files)

    @property
    def version(self) -> str:
        """Of the edition in force."""
        return self.current.version

    @property
    def rights(self) -> Rights:
        """Of the edition in force."""
        return self.current.rights

    def version_of(self, policies: Policies) -> str:
        """The version that an edition of these policies has in this gateway."""
        return version(self.parts_of(policies))

    def parts_of(self, policies: Policies) -> Mapping[str, str]:
        """The digests that make up a version: of schema, policies, entities and manifests."""
        return {**policies.parts, "manifests": self._manifests}

    def edition(self, policies: Policies, files: Files, provided: Sequence[Any] = ()) -> Edition:
        """Policies ready to be put in force, with entities that a provider knows besides their files. Changes nothing
        yet, and may run in a thread.

        The version does not cover what is provided: that changes by the minute, and no yes of a person's would outlive
        it.

        :raises PolicyError: something provided is no entity, or stands in a file already.
        """
        used = policies
        if provided:
            known = [("the entity files", list(policies.directory)), ("the provider 'directory'", provided)]
            used = replace(policies, directory=directory_of(known, policies.schema))
        return Edition(
            self.version_of(policies),
            policies,
            files,
            provided,
            Authorizer(used, self._principal, self._client),
            Rights(used, self._principal, self._client, self.environment),
        )

    def put(self, edition: Edition) -> None:
        """Have it in force, from the next decision on."""
        self.current = edition


def version(parts: Mapping[str, str]) -> str:
    """The digest of the digests of schema, policies, entities and manifests."""
    return _digest(dict(parts))


def manifests_digest(manifests: Iterable[tuple[str, Manifest]]) -> str:
    """Of the manifests that are mounted, each under the name of its upstream, with their parameters filled in."""
    return _digest({name: manifest.digest for name, manifest in manifests})


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
