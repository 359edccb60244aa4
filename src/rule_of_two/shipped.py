"""Where the data files that come with the package stand: in the wheel, or in the source tree."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent


def shipped(folder: Literal["tool_manifests", "policies"]) -> Path:
    """The folder of shipped manifests or policies.

    :raises FileNotFoundError: the installation is broken.
    """
    for base in (_PACKAGE / "data", _PACKAGE.parent.parent):
        if (base / folder).is_dir():
            return base / folder
    raise FileNotFoundError(f"{folder}/ is missing: reinstall mcp-rule-of-two")
