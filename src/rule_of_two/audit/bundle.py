"""A bundle: the evidence of one session in one file, whose bytes follow from what is in it. A ZIP without compression.

What is signed is `manifest.json`, which names every other file with its digest. Entries of other sessions are in it by
their content digests alone, so that the chain can be followed from the session's entries to a signed checkpoint.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

BUNDLE_TYPE: Final = "rule-of-two/bundle/1"
MANIFEST: Final = "manifest.json"
SIGNATURES: Final = "signatures.json"
STATEMENT: Final = "statement.txt"
ENTRIES: Final = "entries.jsonl"
CHAIN: Final = "chain.jsonl"
CHECKPOINT: Final = "checkpoint.json"
PRUNE: Final = "prune.json"
KEYS: Final = "keys.json"
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
MOST_FILES: Final = 10_000


class NotABundle(ValueError):
    """The file is none, or is not what was packed; one sentence."""


class Unpacked(Struct, frozen=True):
    """What is in a bundle. Every file but the signatures is the one that the manifest names."""

    files: Mapping[str, bytes]
    manifest: Mapping[str, Any]
    signatures: tuple[Mapping[str, str], ...]


def statement(manifest: bytes) -> bytes:
    """The bytes that are signed for a manifest."""
    return f"{BUNDLE_TYPE}\n{hashlib.sha256(manifest).hexdigest()}\n".encode()


def manifest_of(about: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """The manifest: what is said of the bundle, and every file with its digest."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    value = {"type": BUNDLE_TYPE, **about, "files": digests}
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def packed(files: Mapping[str, bytes], manifest: bytes, signatures: Sequence[Mapping[str, str]]) -> bytes:
    """The file. The same content gives the same bytes, whenever and wherever it is packed."""
    own = {MANIFEST: manifest, SIGNATURES: orjson.dumps(signatures, option=orjson.OPT_INDENT_2) + b"\n"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted({**files, **own}.items()):
            one = zipfile.ZipInfo(name, _FIRST_DAY)
            one.create_system, one.external_attr = 3, 0o644 << 16
            archive.writestr(one, content)
    return buffer.getvalue()


def unpacked(data: bytes) -> Unpacked:
    """What is in the file, if it is whole.

    # INVARIANT: whatever byte of a bundle is changed, it is found; tests/attacks/test_tampered_bundles.py.

    :raises NotABundle: it is none, a file is missing, too many or another one than was packed.
    """
    files = _read(data)
    try:
        manifest, signatures = orjson.loads(files[MANIFEST]), orjson.loads(files[SIGNATURES])
        digests = dict(manifest["files"])
        signed = tuple({name: str(one[name]) for name in _SIGNATURE} for one in signatures)
    except (KeyError, ValueError, TypeError) as error:
        raise NotABundle("it has no manifest and signatures that can be read") from error
    if manifest.get("type") != BUNDLE_TYPE:
        raise NotABundle("it is of another kind, or of a later version")
    others = files.keys() - {MANIFEST, SIGNATURES}
    if others != digests.keys():
        odd = min(others ^ digests.keys())
        raise NotABundle(f"{odd} is not where the manifest says")
    for name in sorted(others):
        if hashlib.sha256(files[name]).hexdigest() != digests[name]:
            raise NotABundle(f"{name} is not the file that was packed")
    if packed({name: files[name] for name in others}, files[MANIFEST], list(signatures)) != data:
        raise NotABundle("it holds something beside its files")
    return Unpacked(files, manifest, signed)


_SIGNATURE: Final = ("by", "as", "key", "signature")


def _read(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MOST_FILES or len({one.filename for one in infos}) != len(infos):
                raise NotABundle("it holds too many files, or one of them twice")
            if any(one.compress_type != zipfile.ZIP_STORED or one.file_size > len(data) for one in infos):
                raise NotABundle("it is compressed, which a bundle never is")
            return {one.filename: archive.read(one) for one in infos}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, UnicodeDecodeError) as error:
        raise NotABundle("it is no ZIP file, or a broken one") from error
