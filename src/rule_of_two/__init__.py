"""The reference implementation of Meta's *Agents Rule of Two* for MCP.

No session may combine untrustworthy input [A], private data or sensitive systems [B], and state changes or
external communication [C], unless a human confirms the call that would do it.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("mcp-rule-of-two")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+source"

__all__ = ["__version__"]
