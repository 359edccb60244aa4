"""``set.yaml``: what a set of policies wants of the facts that it is given, beside what its policies say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from rule_of_two.errors import ConfigurationError
from rule_of_two.policy.files import DISK, Files
from rule_of_two.yaml_source import parse_yaml

FILE: Final = "set.yaml"


class SetSettings(BaseModel):
    """The file. ``c``: whether C counts wherever something changes, or only where it communicates. It is the operator
    who chooses that, by naming the set, and each decision that it lowers says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    c: Literal["any", "communication"] = "any"


def set_settings(policies: Sequence[Path], *, files: Files = DISK) -> SetSettings:
    """The settings that stand beside policy files; the defaults where there are none.

    :raises ConfigurationError: the file is wrong; one sentence with file and line.
    """
    path = policies[0].parent / FILE
    try:
        return parse_yaml(files.read(path).decode("utf-8"), SetSettings, path)
    except FileNotFoundError:
        return SetSettings()
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror}); check the path", file=path) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("is not UTF-8 text", file=path) from error
