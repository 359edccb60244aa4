"""Error codes on the wire: JSON-RPC's own, and those that MCP adds (basic, Error codes)."""

from __future__ import annotations

from typing import Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
SERVER_BUSY: Final = -32000
RESOURCE_NOT_FOUND: Final = -32002
"""Of the legacy era (server/resources, Error Handling); the modern one has ``INVALID_PARAMS`` (SEP-2164)."""
HEADER_MISMATCH: Final = -32020
UNSUPPORTED_PROTOCOL_VERSION: Final = -32022
REQUEST_CANCELLED: Final = -32800
"""What the SDK answers a cancelled request with, on the wire that ends a stream only with a reply."""
