"""Records: what is known, as values that nobody changes.

They are :class:`msgspec.Struct`, which is made and compared in C, and cannot be changed by any way round. Dataclasses
are what pydantic reads, and what keeps a member out of what is compared or shown.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

if TYPE_CHECKING:
    from dataclasses import replace  # the type checker knows the members of either kind
else:

    def replace(record: Any, /, **changes: Any) -> Any:
        """The same record with other members; what is checked of a new one is checked again.

        :raises TypeError: it has no such member, or is no record.
        """
        make = structs.replace if isinstance(record, Struct) else dataclasses.replace
        return make(record, **changes)


__all__ = ["replace"]
