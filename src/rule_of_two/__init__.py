"""The reference implementation of Meta's *Agents Rule of Two* for MCP.

No session may combine untrustworthy input [A], private data or sensitive systems [B], and state changes or
external communication [C], unless a human confirms the call that would do it.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
