"""Writing ``rule-of-two.yaml``: a first one that explains itself, or one approver more in one that a person wrote."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from rule_of_two.errors import ConfigurationError
from rule_of_two.folders import make_private
from rule_of_two.gateway.config import ApproverSettings, Config, backup_path
from rule_of_two.yaml_source import parse_yaml

_UNLIMITED: Final = 1 << 20
"""Columns: no line is broken that was not."""

_FIRST: Final = """\
# Rule of Two: no session of an agent combines untrustworthy input [A], private data [B] and outside effects [C]
# unless a person confirms the call that would do it.
version: 1

# The servers that the agent reaches through the gateway, in the shape that MCP clients use. For example
#   files: {command: npx, args: [-y, "@modelcontextprotocol/server-filesystem", /home/alice/documents]}
mcpServers: {}

# The program in which the agent runs: it says where a session ends, and how long a call may wait for a person.
client: CLIENT

"""
_SIGNED: Final = """\
# Who may say yes at `rule-of-two console`. Only answers that are signed with these keys count.
"""
_ADVISORY: Final = """\
# Advisory: nobody is enrolled, so whoever runs as this user can say yes, the agent too.
# `rule-of-two init` makes a key, and enrols you.
approvals: {channels: [console]}
"""


class ConfigFile(Struct, frozen=True):
    """A configuration as it was read. ``content`` is ``None`` where there is none."""

    path: Path
    content: bytes | None
    config: Config | None

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """What stands in ``path``.

        :raises ConfigurationError: it cannot be read, or is no configuration; with file and line.
        """
        try:
            content = path.read_bytes()
            text = content.decode()
        except FileNotFoundError:
            return cls(path, None, None)
        except OSError as error:
            raise ConfigurationError(f"cannot be read ({error.strerror}); check the path", file=path) from error
        except UnicodeDecodeError as error:
            raise ConfigurationError("is not UTF-8 text", file=path) from error
        return cls(path, content, parse_yaml(text, Config, path))

    def enrols(self, approver: ApproverSettings) -> bool:
        """Whether exactly this approver, with this key, is enrolled.

        :raises ConfigurationError: the name is enrolled with another key, or the key under another name.
        """
        known = () if self.config is None else self.config.approvals.approvers
        for one in known:
            same_name, same_key = one.name == approver.name, _bare(one.key) == _bare(approver.key)
            if same_name and same_key:
                return True
            if same_name:
                raise ConfigurationError(
                    f"'{one.name}' is enrolled with another key: take that one out, or choose another --name",
                    file=self.path,
                )
            if same_key:
                raise ConfigurationError(f"this key is enrolled already, as '{one.name}'", file=self.path)
        return False

    def create(self, *, client: str, approver: ApproverSettings | None) -> None:
        """Write a first configuration, mode 0600. Never replaces one.

        :raises ConfigurationError: one came meanwhile, or it cannot be written.
        """
        text = first_configuration(client, approver)
        with _one_sentence(self.path):
            make_private(self.path.parent)
            with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text.encode())

    def enrol(self, approver: ApproverSettings) -> Path:
        """Add an approver, and leave the rest as it is; returns the backup of what was there.

        The file is replaced in one step, through a link where it is one, with the mode that it had.

        :raises ConfigurationError: somebody changed it meanwhile, or it cannot be written. It is as it was.
        """
        text = self._with(approver)
        target, backup = Path(os.path.realpath(self.path)), backup_path(self.path)
        with _one_sentence(self.path):
            mode = target.stat().st_mode & 0o777
            _write(backup, self.content or b"", mode=mode, check=self._check_unchanged)
            _write(target, text.encode(), mode=mode, check=self._check_unchanged)
        return backup

    def _check_unchanged(self) -> None:
        if self.path.read_bytes() != self.content:
            raise ConfigurationError(
                "was changed meanwhile; nothing was written: run the command again", file=self.path
            )

    def _with(self, approver: ApproverSettings) -> str:
        """The text with one approver more, proven to say the same otherwise."""
        text = (self.content or b"").decode()
        line_end = "\r\n" if "\r\n" in text else "\n"
        plain = text.replace("\r\n", "\n")
        document = _yaml(plain).load(plain)
        if "approvals" in document or not plain.endswith("\n") or document.fa.flow_style():
            new = _round_trip(plain, approver)
        else:
            new = f"{plain}\n{_SIGNED}{_block(approver)}"
        before = parse_yaml(plain, Config, self.path)
        after = parse_yaml(new, Config, self.path)
        approvals = before.approvals.model_copy(update={"approvers": (*before.approvals.approvers, approver)})
        if after != before.model_copy(update={"approvals": approvals}):
            raise ConfigurationError(
                f"cannot be extended safely: add under approvals.approvers {_flow(approver)}", file=self.path
            )
        return new.replace("\n", line_end)


def first_configuration(client: str, approver: ApproverSettings | None) -> str:
    """The text of a first configuration, which explains itself."""
    return _FIRST.replace("CLIENT", client) + (_ADVISORY if approver is None else _SIGNED + _block(approver))


def _bare(line: str) -> str:
    return " ".join(line.split()[:2])


def _flow(approver: ApproverSettings) -> str:
    return f"{{name: {json.dumps(approver.name, ensure_ascii=False)}, key: {_bare(approver.key)}}}"


def _block(approver: ApproverSettings) -> str:
    return f"approvals:\n  approvers:\n    - {_flow(approver)}\n"


def _round_trip(text: str, approver: ApproverSettings) -> str:
    yaml = _yaml(text)
    document = yaml.load(text)
    approvals = document.setdefault("approvals", CommentedMap())
    entry = CommentedMap({"name": approver.name, "key": approver.key})
    entry.fa.set_flow_style()
    if "approvers" in approvals:
        approvals["approvers"].append(entry)
    else:
        approvals["approvers"] = CommentedSeq([entry])
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _yaml(text: str) -> YAML:
    """Reads and writes with the indentation that ``text`` has."""
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = _UNLIMITED
    document = yaml.load(text)
    mapping = _first_column(document) or 2
    sequence = _dash_column(text, document)
    yaml.indent(mapping=mapping, sequence=sequence + 2, offset=sequence)
    return yaml


def _first_column(document: Any) -> int | None:
    """How far the first mapping within is indented."""
    for value in document.values():
        if isinstance(value, CommentedMap) and not value.fa.flow_style() and value:
            return int(value.lc.data[next(iter(value))][1])
    return None


def _dash_column(text: str, document: Any) -> int:
    """How far the dashes of the first list stand behind the key that they belong to; 2 where there is none."""
    lines = text.splitlines()
    maps = [document]
    for one in maps:
        for key, value in one.items():
            if isinstance(value, CommentedSeq) and value and not value.fa.flow_style():
                line = lines[value.lc.item(0)[0]]
                return max(len(line) - len(line.lstrip()) - int(one.lc.key(key)[1]), 0)
            if isinstance(value, CommentedMap) and not value.fa.flow_style():
                maps.append(value)
    return 2


def _write(path: Path, content: bytes, *, mode: int, check: Callable[[], None]) -> None:
    """Replace ``path`` in one step, once ``check`` passed; nothing is left of an attempt that failed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    unnamed = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unnamed.chmod(mode)
        check()
        unnamed.replace(path)
    except BaseException:
        unnamed.unlink(missing_ok=True)
        raise


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise ConfigurationError("came meanwhile; run the command again", file=path) from error
    except OSError as error:
        raise ConfigurationError(f"cannot be written ({error.strerror})", file=path) from error
