"""A real MCP server of the SDK that wants OAuth, and its authorization server, run as a program. It says its port.

``GET /control?expire=1`` lets every access token given so far be refused from now on, ``&refresh=0`` refresh tokens
too; ``deny=1`` lets the human refuse. ``GET /counts`` says how often what was asked.
"""

import asyncio
import secrets
import socket
import sys
import time
import warnings
from typing import Any

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.responses import JSONResponse


class Provider:
    """Everyone who is asked says yes, unless told otherwise."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}
        self.counts = {"register": 0, "authorize": 0, "code": 0, "refresh": 0}
        self.deny = False
        self.lifetime = 3600

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.counts["register"] += 1
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        self.counts["authorize"] += 1
        back = str(params.redirect_uri)
        if self.deny:
            return construct_redirect_uri(back, error="access_denied", state=params.state)
        code = secrets.token_urlsafe(16)
        self.codes[code] = AuthorizationCode(
            code=code,
            client_id=client.client_id,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            expires_at=time.time() + 60,
            scopes=params.scopes or [],
            code_challenge=params.code_challenge,
            resource=params.resource,
        )
        return construct_redirect_uri(back, code=code, state=params.state)

    async def load_authorization_code(self, _: OAuthClientInformationFull, code: str) -> AuthorizationCode | None:
        return self.codes.get(code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        self.counts["code"] += 1
        del self.codes[authorization_code.code]
        return self._give(client.client_id, authorization_code.scopes)

    async def load_refresh_token(self, _: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        self.counts["refresh"] += 1
        del self.refresh[refresh_token.token]
        return self._give(client.client_id, scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: Any) -> None:
        self.access.pop(token.token, None)

    def _give(self, client_id: str, scopes: list[str]) -> OAuthToken:
        access, refresh = f"access-{secrets.token_urlsafe(16)}", f"refresh-{secrets.token_urlsafe(16)}"
        until = int(time.time()) + self.lifetime
        self.access[access] = AccessToken(token=access, client_id=client_id, scopes=scopes, expires_at=until)
        self.refresh[refresh] = RefreshToken(token=refresh, client_id=client_id, scopes=scopes)
        return OAuthToken(
            access_token=access, refresh_token=refresh, expires_in=self.lifetime, scope=" ".join(scopes) or None
        )


def build(origin: str, provider: Provider) -> MCPServer:
    server = MCPServer(
        "oauth upstream",
        version="1",
        auth_server_provider=provider,  # type: ignore[arg-type]  # a protocol with type variables
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(origin),
            resource_server_url=AnyHttpUrl(f"{origin}/mcp"),
            client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["user"]),
            required_scopes=["user"],
        ),
    )

    @server.tool()
    async def echo(text: str) -> str:
        """Give the text back."""
        return text

    @server.tool()
    async def hang() -> str:
        """Never answer."""
        await asyncio.Event().wait()
        return "never"

    @server.custom_route("/control", ["GET"])  # type: ignore[untyped-decorator]  # the SDK's
    async def control(request: Request) -> JSONResponse:
        query = request.query_params
        if "expire" in query:
            provider.access.clear()
        if query.get("refresh") == "0":
            provider.refresh.clear()
        provider.deny = query.get("deny") == "1"
        provider.lifetime = int(query.get("lifetime", "3600"))
        return JSONResponse({})

    @server.custom_route("/counts", ["GET"])  # type: ignore[untyped-decorator]  # the SDK's
    async def counts(_: Request) -> JSONResponse:
        return JSONResponse(provider.counts)

    return server


def main() -> None:
    warnings.simplefilter("ignore")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    print(port, flush=True)
    app = build(f"http://127.0.0.1:{port}", Provider()).streamable_http_app(json_response=sys.argv[1] == "json")
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)).run(sockets=[listener])


if __name__ == "__main__":
    main()
