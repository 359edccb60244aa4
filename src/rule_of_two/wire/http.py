"""The door to upstreams over HTTP. What speaks HTTP is imported behind it, when the first one is opened.

Importing an HTTP client costs a tenth of a second, and the SDK's authorization most of a second, which those who use
neither must not pay. So nothing but :func:`open_http` and :func:`open_oauth` imports what they open.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from rule_of_two.errors import ConfigurationError
from rule_of_two.wire.http_client_parameters import TOKEN
from rule_of_two.wire.transport import Limits, Transport

if TYPE_CHECKING:
    from rule_of_two.wire.oauth import OAuth

Kind = Literal["auto", "streamable-http", "sse"]

_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_NO_BLANKS: Final = re.compile(r"[^\s\x00-\x1f\x7f]+")


async def open_http(
    url: str,
    *,
    headers: Mapping[str, str],
    limits: Limits,
    kind: Kind = "auto",
    auth: OAuth | None = None,
) -> Transport:
    """Prepare a connection to the endpoint ``url``; nothing is sent before the first message.

    ``kind`` is the transport that the server speaks; ``auto`` tries streamable HTTP first, and HTTP+SSE of 2024-11-05
    where the answer to ``initialize`` says that it is not spoken. ``auth`` gives requests their token, unless
    ``headers`` say ``authorization`` themselves; it outlives the connection, and is closed by whoever opened it.

    :raises ConfigurationError: ``url`` is no http or https address, or a header cannot be sent.
    """
    shown = _checked(url)
    for name, value in headers.items():
        if not TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(f"the header '{name}' has characters that HTTP does not allow")
    if any(name.lower() == "authorization" for name in headers):
        auth = None
    module = await asyncio.to_thread(importlib.import_module, "rule_of_two.wire.http_client_opening")
    transport: Transport = await module.open_transport(
        url, shown=shown, headers=headers, limits=limits, kind=kind, authorization=auth
    )
    return transport


async def open_oauth(
    url: str,
    *,
    load: Callable[[], Awaitable[str | None]],
    save: Callable[[str], Awaitable[None]],
    open_browser: Callable[[str], Awaitable[None]],
    seconds: float = 300.0,
    client_id: str | None = None,
    client_secret: str | None = None,
    port: int = 0,
) -> OAuth:
    """Prepare OAuth for the upstream at ``url``; nothing is sent before a server asks for it.

    ``load`` and ``save`` keep one text, which is secret: tokens, and how we are registered. ``open_browser`` shows a
    human the address given; ``seconds`` is how long that human may take.

    With ``client_id`` (and ``client_secret``) this gateway is registered already, and does not register itself; an
    https address there is that of a client metadata document, for authorization servers that read those. ``port`` is
    where the browser comes back to, ``http://127.0.0.1:port/callback``, for servers that must know it; 0 is any.

    :raises ConfigurationError: ``url`` is no http or https address, or ``client_id`` is the address of no document.
    """
    shown = _checked(url)
    module = await asyncio.to_thread(importlib.import_module, "rule_of_two.wire.oauth")
    try:
        oauth: OAuth = module.OAuth(
            url,
            shown=shown,
            load=load,
            save=save,
            open_browser=open_browser,
            seconds=seconds,
            client_id=client_id,
            client_secret=client_secret,
            port=port,
        )
    except ValueError:
        raise ConfigurationError("a client id that is an address must have a path") from None
    return oauth


def _checked(url: str) -> str:
    """``url`` as errors may show it: no user, no password, no query.

    :raises ConfigurationError: it is no http or https address.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not _NO_BLANKS.fullmatch(url):
        raise ConfigurationError("the url of an upstream must start with http:// or https:// and name a host")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
