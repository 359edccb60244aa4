"""What OAuth keeps of one upstream between two runs: one text, which is secret."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.oauth2 import OAuthContext
from mcp.shared.auth import OAuthClientInformationFull, OAuthMetadata, OAuthToken, ProtectedResourceMetadata
from pydantic import BaseModel, ValidationError

_Model = TypeVar("_Model", bound=BaseModel)

_TOKENS: Final = "tokens"
_EXPIRES: Final = "expires_at"
_CLIENT: Final = "client"

logger = logging.getLogger(__name__)


class TokenStore:
    """The SDK's ``TokenStorage``. It keeps what the SDK does not: when a token expires, and where it is renewed."""

    def __init__(
        self,
        load: Callable[[], Awaitable[str | None]],
        save: Callable[[str], Awaitable[None]],
        registered: OAuthClientInformationFull | None = None,
    ) -> None:
        self._load = load
        self._save = save
        self._registered = registered
        self._held: dict[str, Any] = {}
        self._loading = asyncio.Lock()
        self._context: OAuthContext | None = None

    async def restore(self, context: OAuthContext) -> None:
        """Fill ``context`` with what is kept; what cannot be understood any more is left out."""
        self._context = context
        async with self._loading:  # what is loaded late must not replace what was given meanwhile
            if not self._held:
                self._held = _object(await self._load())
        context.current_tokens = await self.get_tokens()
        context.client_info = await self.get_client_info()
        expires = self._held.get(_EXPIRES)
        context.token_expiry_time = expires if isinstance(expires, int | float) else None
        context.oauth_metadata = context.oauth_metadata or self._kept("server", OAuthMetadata)
        context.protected_resource_metadata = context.protected_resource_metadata or self._kept(
            "resource", ProtectedResourceMetadata
        )
        issuer = self._held.get("issuer")
        context.auth_server_url = context.auth_server_url or (issuer if isinstance(issuer, str) else None)

    async def get_tokens(self) -> OAuthToken | None:
        """The tokens that are kept."""
        return self._kept(_TOKENS, OAuthToken)

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep new tokens."""
        self._held[_TOKENS] = _plain(tokens)
        self._held[_EXPIRES] = None if tokens.expires_in is None else time.time() + tokens.expires_in
        if self._context is not None:
            self._held["server"] = _plain(self._context.oauth_metadata)
            self._held["resource"] = _plain(self._context.protected_resource_metadata)
            self._held["issuer"] = self._context.auth_server_url
        await self._keep()

    async def drop_tokens(self) -> None:
        """Forget tokens that are not taken any more."""
        self._held.pop(_TOKENS, None)
        await self._keep()

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """How we are registered: by hand, or by ourselves."""
        return self._registered or self._kept(_CLIENT, OAuthClientInformationFull)

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep how we are registered."""
        self._held[_CLIENT] = _plain(client_info)
        await self._keep()

    def _kept(self, name: str, model: type[_Model]) -> _Model | None:
        try:
            return model.model_validate(self._held[name])
        except (KeyError, ValidationError):
            return None

    async def _keep(self) -> None:
        try:
            await self._save(json.dumps(self._held))
        except Exception as error:  # noqa: BLE001  # a keyring fails in ways of its own; the token is good meanwhile
            logger.warning("tokens could not be kept, so they are asked for again next time: %s", type(error).__name__)


class Provider(OAuthClientProvider):
    """The SDK's client, started from what is kept."""

    async def ready(self) -> None:
        """Load what is kept, once, and again after the SDK has dropped it. The SDK's lock is not waited for: it is held
        while a human is asked."""
        if not self._initialized:
            await self._initialize()

    async def _initialize(self) -> None:
        storage = self.context.storage
        if isinstance(storage, TokenStore):
            await storage.restore(self.context)
        self._initialized = True


def _plain(model: BaseModel | None) -> Any:
    return None if model is None else model.model_dump(mode="json", exclude_none=True)


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
