"""The door to upstreams over streamable HTTP. The SDK is imported behind it, when the first one is opened.

Importing the SDK costs most of a second, which those who use no HTTP must not pay. So nothing in this package but
:mod:`~rule_of_two.wire.http_transport` and :mod:`~rule_of_two.wire.http_headers` imports it, and nothing but
:func:`open_http` imports them.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import urlsplit

from rule_of_two.errors import ConfigurationError
from rule_of_two.wire.transport import Limits, Transport

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


async def open_http(url: str, *, headers: Mapping[str, str], limits: Limits) -> Transport:
    """Prepare a connection to the endpoint ``url``; nothing is sent before the first message.

    :raises ConfigurationError: ``url`` is no http or https address, or a header cannot be sent.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("the url of an upstream must start with http:// or https:// and name a host")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(f"the header '{name}' has characters that HTTP does not allow")
    # What an error may show: no user, no password, no query.
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    module = await asyncio.to_thread(importlib.import_module, "rule_of_two.wire.http_transport")
    return cast("Transport", module.HttpTransport(url, shown=shown, headers=headers, limits=limits))
