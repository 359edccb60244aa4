"""The folders that the operator trusts an agent to write to, as the gateway compares paths with them.

Cedar's sets cannot say "each of these paths is below one of those folders", so ``target.within`` says it.
"""

from __future__ import annotations

import os

from rule_of_two.model import Principal
from rule_of_two.policy.directory import Directory


def trusted_folders(directory: Directory, principal: Principal) -> tuple[str, ...]:
    """``trusts.folders`` of the principal's agent. One that is not written as the paths of calls are (absolute, no
    ``..``, nothing at its end) contains none of them, and neither does the root of everything."""
    trusts = directory.attributes("Agent", principal.agent).get("trusts")
    folders = trusts.get("folders") if isinstance(trusts, dict) else None
    return tuple(sorted(one for one in folders if _is_folder(one))) if isinstance(folders, list) else ()


def _is_folder(text: str) -> bool:
    absolute = os.path.isabs(text)  # noqa: PTH117  # texts are compared, and nothing is looked up
    return absolute and os.path.normpath(text) == text and os.path.dirname(text) != text  # noqa: PTH120  # the same
