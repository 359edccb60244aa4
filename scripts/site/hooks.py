"""Hooks of MkDocs: the README is the first page, what pages link to in the repository comes along, and the reference is
generated from the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, normpath, relpath
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from scripts.site.reference import PAGES

ROOT: Final = Path(__file__).resolve().parent.parent.parent
_LINK: Final = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
_FOLDERS: Final = {"tool_manifests": "reference/manifests.md", "policies": "policy-sets.md"}
"""Folders of the repository that a page of the site stands for."""


def source_of(uri: str) -> str:
    """Where in the repository the source of a page stands."""
    if uri == "index.md":
        return "README.md"
    return f"docs/{uri}" if (ROOT / "docs" / uri).exists() else uri


def uri_of(source: str) -> str | None:
    """Where in the site a file of the repository stands; ``None``: it is a folder that no page stands for."""
    if source in _FOLDERS or not (ROOT / source).is_file():
        return _FOLDERS.get(source)
    return "index.md" if source == "README.md" else source.removeprefix("docs/")


def _linked(source: str, text: str) -> Iterator[str]:
    for match in _LINK.finditer(text):
        yield normpath(f"{dirname(source)}/{match[2]}").lstrip("/")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add what is generated, the README, and every file of the repository that a page links to."""
    for uri, write in PAGES.items():
        files.append(File.generated(config, uri, content=write()))
    waiting = ["README.md", "CHANGELOG.md", *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
    seen: set[str] = set()
    while waiting:
        source = waiting.pop()
        if source in seen or not (ROOT / source).is_file():
            continue
        seen.add(source)
        text = (ROOT / source).read_text("utf-8")
        uri = uri_of(source)
        if uri is not None and files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, content=text))
        if source.endswith(".md"):
            waiting += _linked(source, text)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links into the repository into links of the site."""
    del config, files
    here, source = page.file.src_uri, source_of(page.file.src_uri)

    def turned(match: re.Match[str]) -> str:
        if here in PAGES:
            return match[0]
        linked = normpath(f"{dirname(source)}/{match[2]}").lstrip("/")
        target = uri_of(linked)
        if target is None:
            return match[1] if (ROOT / linked).is_dir() else match[0]
        return f"[{match[1]}]({relpath(target, dirname(here) or '.')}{match[3] or ''})"

    return _LINK.sub(turned, markdown)
