"""Documents of both formats, written in every way that people write them."""

from __future__ import annotations

import json
from typing import Any, Literal

from hypothesis import strategies as st

_NO_SURROGATE: tuple[Literal["Cs"], ...] = ("Cs",)
_NO_CONTROL: tuple[Literal["Cs", "Cc"], ...] = ("Cs", "Cc")
NAMES = st.text(
    st.characters(exclude_categories=_NO_CONTROL, exclude_characters="\u2028\u2029"), min_size=1, max_size=8
).filter(lambda name: name not in {"rule-of-two", "mcpServers", "mcp_servers"})
WORDS = st.text(st.characters(exclude_categories=_NO_SURROGATE), max_size=8)
SERVERS = st.fixed_dictionaries({"command": WORDS}, optional={"args": st.lists(WORDS, max_size=3)})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
GAPS = st.sampled_from(
    ["", " ", "\n", "\r\n\t", '  // a comment, "x": {\n', '/* }, "mcpServers": { */', "\n\t// ünï, 漢\r\n", "/**/"]
)


@st.composite
def json_text(draw: st.DrawFn, value: Any) -> str:
    """A value as JSON, with comments, gaps and trailing commas anywhere."""
    if isinstance(value, dict) and value:
        gap = draw(GAPS)
        members = [
            f"{gap}{json.dumps(key, ensure_ascii=draw(st.booleans()))}{draw(GAPS)}:{draw(GAPS)}"
            f"{draw(json_text(inner))}{draw(GAPS)}"
            for key, inner in value.items()
        ]
        return "{" + ",".join(members) + draw(st.sampled_from(["", ","])) + draw(GAPS) + "}"
    if isinstance(value, list) and value:
        inner = [f"{draw(GAPS)}{draw(json_text(one))}" for one in value]
        return "[" + ",".join(inner) + draw(st.sampled_from(["", ","])) + draw(GAPS) + "]"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@st.composite
def json_documents(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A text, what it says, and the servers in it."""
    servers = draw(st.dictionaries(NAMES, SERVERS, max_size=4))
    others = draw(st.dictionaries(NAMES, VALUES, max_size=3))
    keys = draw(st.permutations([*others, *(["mcpServers"] if draw(st.integers(0, 4)) else [])]))
    value = {key: servers if key == "mcpServers" else others[key] for key in keys}
    text = draw(st.sampled_from(["", "\ufeff"])) + draw(GAPS) + draw(json_text(value)) + draw(GAPS)
    return text, value, servers if "mcpServers" in value else {}


_KEYS = st.sampled_from(["model", "x", '"a.b"', "'q q'", "e-", "history"])
_TOML_VALUES = st.sampled_from(
    ['"a"', "'[mcp_servers.x]'", "1", "true", '"""\n[mcp_servers.fake]\n"""', "'''\n# no\n'''", '[ 1, # one ]\n 2, ]',
     "{ a = [1], b = 'x' }", "1979-05-27T07:32:00Z", '["#", "[", "]]"]', '""""quoted""""', "''''x'''''"]
)  # fmt: skip
_TOML_NAMES = st.sampled_from(["files", "git-hub", '"weird name"', "'a.b'", "web", '"\\u00e9"'])
_LINES = st.sampled_from(["", "# a comment [mcp_servers.no]\n", "\n", "   \n", "\t# ünï 漢\n"])


@st.composite
def toml_documents(draw: st.DrawFn) -> str:
    """Tables of servers between others, in any order."""
    head = [f"{key} = {draw(_TOML_VALUES)}" for key in draw(st.lists(_KEYS, unique=True, max_size=2))]
    blocks: list[list[str]] = []
    for name in draw(st.lists(_TOML_NAMES, unique=True, max_size=4)):
        lines = [f"[mcp_servers.{name}]" + draw(st.sampled_from(["", "  # mine", " "])), 'command = "c"']
        lines += [f"more = {draw(_TOML_VALUES)}"] if draw(st.booleans()) else []
        blocks.append(lines)
        if draw(st.booleans()):
            blocks.append([f"[ mcp_servers . {name} . env ]", f"A = {draw(_TOML_VALUES)}"])
    others = draw(st.lists(st.sampled_from(["t1", "t2", '"mcp_servers"']), unique=True, max_size=2))
    blocks += [[f"[other.{name}]", f"k = {draw(_TOML_VALUES)}"] for name in others]
    text = draw(st.sampled_from(["", "\ufeff"]))
    for block in [head, *draw(st.permutations(blocks))]:
        text += draw(_LINES) + "".join(f"{line}\n{draw(_LINES)}" for line in block)
    text = text if draw(st.booleans()) else text.rstrip("\n")
    return text.replace("\r\n", "\n").replace("\n", "\r\n") if draw(st.booleans()) else text
