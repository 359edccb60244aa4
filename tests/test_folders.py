"""Folders of ours are private, those above them too where we make them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rule_of_two.folders import make_private


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_every_folder_that_is_made_is_private_and_what_is_there_stays(tmp_path: Path) -> None:
    before = stat.S_IMODE(tmp_path.stat().st_mode)
    make_private(tmp_path / "a" / "b")
    make_private(tmp_path / "a" / "b")
    assert [stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700, 0o700]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == before


def test_what_is_no_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        make_private(tmp_path / "file" / "below")
