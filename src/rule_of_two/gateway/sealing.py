"""``requestState`` that only we can have written (2026-07-28, Multi Round-Trip Requests).

What a client brings back is attacker-controlled, so the state is encrypted and authenticated, expires, and names the
request that it belongs to. The key lives as long as the gateway: after a restart the client has to begin anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import orjson

from rule_of_two.errors import BadRequest
from rule_of_two.wire.frames import dump

STATE_SECONDS: Final = 1800
_NOT_PART: Final = frozenset(("_meta", "inputResponses", "requestState"))


class Sealer:
    """Seals and opens the states of one gateway."""

    def __init__(self) -> None:
        self._engine: Any = None

    def seal(self, content: Mapping[str, Any], *, request: bytes) -> str:
        """A state for the client to bring back with the request of that digest."""
        text = dump({**content, "request": request.hex()})
        sealed: bytes = self._fernet().encrypt(text)
        return sealed.decode("ascii")

    def open(self, state: object, *, request: bytes) -> dict[str, Any]:
        """What was sealed.

        :raises BadRequest: it is none of ours, has expired, or belongs to another request.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415  # see _fernet

        if not isinstance(state, str) or not _is_canonical(state):
            raise BadRequest("the requestState is not one that was given out here")
        try:
            content: dict[str, Any] = json.loads(self._fernet().decrypt(state, ttl=STATE_SECONDS))
        except InvalidToken:
            raise BadRequest("the requestState is not one that was given out here, or it has expired") from None
        if content.pop("request") != request.hex():
            raise BadRequest("the requestState belongs to another request")
        return content

    def _fernet(self) -> Any:
        if self._engine is None:
            from cryptography.fernet import Fernet  # noqa: PLC0415  # most sessions never need it

            self._engine = Fernet(Fernet.generate_key())
        return self._engine


def _is_canonical(state: str) -> bool:
    """Whether no other text means the same bytes: what stands after the padding, for one, would be ignored."""
    try:
        return base64.urlsafe_b64encode(base64.urlsafe_b64decode(state)) == state.encode("ascii")
    except ValueError:
        return False


def request_digest(method: str, params: Mapping[str, Any]) -> bytes:
    """What makes a request the same when it is repeated: its method and all parameters but those of the rounds."""
    same = {key: value for key, value in params.items() if key not in _NOT_PART}
    try:
        text = orjson.dumps([method, same], option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits
        text = json.dumps([method, same], sort_keys=True).encode()
    return hashlib.sha256(text).digest()
