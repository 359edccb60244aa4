"""The few exceptions of this package and the stable codes that users see.

::

    RuleOfTwoError
    ├── ConfigurationError    a file or option is wrong; says file, line and next step        (exit 2)
    ├── PolicyError           policies do not validate, or Cedar reported a diagnostic
    ├── StoreError            the state or the journal could not be read or written
    ├── BadRequest            a message cannot be parsed, or must not be forwarded
    ├── LimitExceeded         a size, depth or queue limit was passed
    └── UpstreamUnavailable   an upstream is not connected, or went away during a call
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class Code(StrEnum):
    """Why a request was not carried out. Stable: scripts and policies rely on these values."""

    DENIED_BY_POLICY = "denied_by_policy"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_PENDING = "approval_pending"
    APPROVAL_DENIED = "approval_denied"
    APPROVAL_EXPIRED = "approval_expired"
    SESSION_FROZEN = "session_frozen"
    DROPPED_CAPABILITY = "dropped_capability"
    UNKNOWN_TOOL = "unknown_tool"
    DEFINITION_CHANGED = "definition_changed"
    WITHHELD = "withheld"
    INVALID_HANDLE = "invalid_handle"
    BAD_REQUEST = "bad_request"
    POLICY_ERROR = "policy_error"
    STORE_ERROR = "store_error"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    LIMIT_EXCEEDED = "limit_exceeded"


class RuleOfTwoError(Exception):
    """Every error that this package raises on purpose. ``code`` is what the client is told."""

    code: Code = Code.BAD_REQUEST


class ConfigurationError(RuleOfTwoError):
    """A configuration, manifest or command line is wrong. The text names file, line and next step."""

    def __init__(self, message: str, *, file: Path | None = None, line: int | None = None) -> None:
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(f"{where}{message}")
        self.file = file
        self.line = line


class PolicyError(RuleOfTwoError):
    """Policies do not validate, or the engine could not decide without a diagnostic."""

    code = Code.POLICY_ERROR


class StoreError(RuleOfTwoError):
    """The state or the journal could not be read or written."""

    code = Code.STORE_ERROR


class BadRequest(RuleOfTwoError):
    """A message that cannot be parsed or must not be forwarded."""

    code = Code.BAD_REQUEST


class LimitExceeded(RuleOfTwoError):
    """A size, depth or queue limit was passed."""

    code = Code.LIMIT_EXCEEDED


class UpstreamUnavailable(RuleOfTwoError):
    """An upstream is not connected, or went away before it answered."""

    code = Code.UPSTREAM_UNAVAILABLE
