"""What files say of users, agents, servers and tools: entities, by which policies tell them apart.

A decision gets only those that it can reach, so that its cost does not grow with the directory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cedarpy
import orjson

from rule_of_two.errors import PolicyError
from rule_of_two.policy.files import DISK, Files
from rule_of_two.policy.trees import nodes
from rule_of_two.yaml_source import nearest

Uid = dict[str, str]
Entity = dict[str, Any]
"""In Cedar's JSON form."""
Key = tuple[str, str]
"""An entity's type and id."""

NAMESPACE: Final = "Gateway"
DESCRIBED: Final = (
    "Tenant",
    "Role",
    "Purpose",
    "Group",
    "User",
    "Profile",
    "Agent",
    "Server",
    "Tool",
    "Resource",
    "Prompt",
)
"""What files may describe. Sessions, approvers and documents are the gateway's own."""
_FORM: Final = '{"uid": {"type": "Gateway::User", "id": "ann"}, "attrs": {}, "parents": []}'
MOST_ANCESTORS: Final = 1_000
"""Of one entity: parents, and theirs."""
_MOST_STEPS: Final = 1_000_000
_OF_A_SERVER: Final = frozenset(("Tool", "Resource", "Prompt"))
_IN_SERVERS: Final = _OF_A_SERVER | {"Server"}


def uid(kind: str, name: str) -> Uid:
    """The name of an entity in requests."""
    return {"type": f"{NAMESPACE}::{kind}", "id": name}


def reference(kind: str, name: str) -> dict[str, Uid]:
    """An attribute's value that is an entity."""
    return {"__entity": uid(kind, name)}


class Directory:
    """Described entities by type and id. Immutable."""

    def __init__(self, entities: Iterable[Entity] = ()) -> None:
        self._known: dict[Key, Entity] = {_key(entity["uid"]): entity for entity in entities}

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Entity]:
        return iter(self._known.values())

    @property
    def digest(self) -> str:
        """SHA-256 of all that is described, in whatever order."""
        described = sorted(orjson.dumps(entity, option=orjson.OPT_SORT_KEYS) for entity in self)
        return hashlib.sha256(b"\n".join(described)).hexdigest()

    def around(self, roots: Iterable[Entity], literals: Iterable[Key] = ()) -> list[Entity]:
        """``roots``, each with what is described of it, and every described entity that they or ``literals`` lead to,
        by parents and attributes. What the roots say themselves wins."""
        found: dict[Key, Entity] = {}
        waiting: list[Entity] = []
        for root in roots:
            merged = self._merged(root)
            found[_key(root["uid"])] = merged
            waiting.append(merged)
        waiting += (self._known[key] for key in literals if key in self._known and key not in found)
        while waiting:
            entity = waiting.pop()
            found.setdefault(_key(entity["uid"]), entity)
            for key in _led_to(entity):
                if key not in found and key in self._known:
                    found[key] = self._known[key]
                    waiting.append(self._known[key])
        return list(found.values())

    def attributes(self, kind: str, name: str) -> Mapping[str, Any]:
        """What is described of one entity; nothing, where it is not."""
        entity = self._known.get(_key(uid(kind, name)))
        return {} if entity is None else entity["attrs"]

    def _merged(self, root: Entity) -> Entity:
        described = self._known.get(_key(root["uid"]))
        if described is None:
            return root
        parents = [*root["parents"], *(one for one in described["parents"] if one not in root["parents"])]
        return {"uid": root["uid"], "attrs": {**described["attrs"], **root["attrs"]}, "parents": parents}


NOBODY: Final = Directory()
"""Nothing is described."""


def load_directory(names: Sequence[Path], schema: cedarpy.Schema, *, files: Files = DISK) -> Directory:
    """Read entity files: each is a JSON list of entities as Cedar writes them.

    :raises PolicyError: a file cannot be read, or an entity is not one that the schema and the gateway take.
    """
    return directory_of([(str(file), _read(file, files)) for file in names], schema)


def directory_of(sources: Sequence[tuple[str, Any]], schema: cedarpy.Schema) -> Directory:
    """Check what sources, each with its name, say of entities, and join them.

    :raises PolicyError: an entity is not one that the schema and the gateway take.
    """
    entities: dict[Key, tuple[Entity, str]] = {}
    for source, said in sources:
        for entity in _entities(said, source):
            key = _key(entity["uid"])
            if key in entities:
                raise PolicyError(f"{source}: {_told(entity)} is described in {entities[key][1]} already; join the two")
            _check(entity, source, schema)
            entities[key] = entity, source
    described = [entity for entity, _ in entities.values()]
    ranked = [entity for entity in described if entity["parents"]]  # only these can be each other's parents
    _check_size(ranked, ", ".join(source for source, _ in sources))
    if _problem(ranked, schema) is not None:
        named = ", ".join(source for source, _ in sources)
        raise PolicyError(f"{named}: an entity is its own parent, over others; break the circle")
    return Directory(described)


def _read(file: Path, files: Files) -> Any:
    try:
        return orjson.loads(files.read(file))
    except OSError as error:
        raise PolicyError(
            f"{file}: cannot be read ({error.strerror}); check `entities:` in the configuration"
        ) from error
    except orjson.JSONDecodeError as error:
        raise PolicyError(f"{file}:{error.lineno}: is not JSON: {error.msg}") from error


def _entities(said: Any, source: str) -> list[Entity]:
    if not isinstance(said, list):
        raise PolicyError(f"{source}: must be a list of entities")
    return [_shaped(entity, place, source) for place, entity in enumerate(said, start=1)]


def _shaped(entity: Any, place: int, file: str) -> Entity:
    name = entity.get("uid") if isinstance(entity, dict) else None
    plain = (
        isinstance(name, dict) and set(name) == {"type", "id"} and all(isinstance(one, str) for one in name.values())
    )
    if not plain or not isinstance(entity.get("attrs", {}), dict) or not isinstance(entity.get("parents", []), list):
        raise PolicyError(f"{file}: entity {place} is not of the form {_FORM}")
    if unknown := [key for key in entity if key not in {"uid", "attrs", "parents"}]:
        raise PolicyError(
            f"{file}: entity {place} has '{unknown[0]}'{nearest(unknown[0], ['uid', 'attrs', 'parents'])}"
        )
    return {"uid": name, "attrs": entity.get("attrs", {}), "parents": entity.get("parents", [])}


def _check(entity: Entity, file: str, schema: cedarpy.Schema) -> None:
    kind = entity["uid"]["type"].removeprefix(f"{NAMESPACE}::")
    if f"{NAMESPACE}::{kind}" != entity["uid"]["type"] or kind not in DESCRIBED:
        raise PolicyError(
            f"{file}: {_told(entity)}: describe one of {', '.join(DESCRIBED)}, each with 'Gateway::' in front"
        )
    if "server" in entity["attrs"] or (kind in _OF_A_SERVER and entity["parents"]):
        raise PolicyError(f"{file}: {_told(entity)}: its server follows from its name; leave out 'server' and parents")
    own = {"server": reference("Server", entity["uid"]["id"].split("__", 1)[0])} if kind in _IN_SERVERS else {}
    if _problem([{**entity, "attrs": {**entity["attrs"], **own}}], schema) is None:
        return
    for name, value in entity["attrs"].items():
        if (problem := _problem([{**entity, "attrs": {name: value, **own}, "parents": []}], schema)) is not None:
            raise PolicyError(
                f"{file}: {_told(entity)}: '{name}' is not an attribute of it, or not of that type ({problem})"
            )
    raise PolicyError(f"{file}: {_told(entity)}: cannot have such parents")


def _check_size(ranked: Sequence[Entity], named: str) -> None:
    """Hold the hierarchy against what the engine can take: it writes down all ancestors of each entity.

    # INVARIANT: what anybody says of entities costs no more than a bounded part of the memory;
    # tests/policy/test_directory.py.
    """
    parents = {_key(entity["uid"]): entity_literals(entity["parents"]) for entity in ranked}
    steps = 0
    for entity in ranked:
        found: set[Key] = set()
        waiting = [_key(entity["uid"])]
        while waiting:
            above = parents.get(waiting.pop(), [])
            steps += len(above)
            new = set(above) - found
            found |= new
            waiting.extend(new)
            if len(found) > MOST_ANCESTORS or steps > _MOST_STEPS:
                raise PolicyError(
                    f"{named}: {_told(entity)}: an entity has at most {MOST_ANCESTORS} ancestors, "
                    f"and all together {_MOST_STEPS}; leave out those that no policy names"
                )


def _problem(entities: Sequence[Entity], schema: cedarpy.Schema) -> str | None:
    try:
        cedarpy.Entities.from_json_str(orjson.dumps(entities).decode(), schema)
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def _told(entity: Entity) -> str:
    return f'{entity["uid"]["type"]}::"{entity["uid"]["id"]}"'


def _key(name: Mapping[str, str]) -> Key:
    return name["type"], name["id"]


def _led_to(entity: Entity) -> list[Key]:
    return entity_literals([entity["attrs"], entity["parents"]])


def entity_literals(tree: Any) -> list[Key]:
    """Every entity that is named somewhere in a JSON tree, an entity's or a policy's."""
    return [
        _key(node) for node in nodes(tree) if set(node) == {"type", "id"} and set(map(type, node.values())) == {str}
    ]
