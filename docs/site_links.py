"""A hook of mkdocs: links that lead out of `docs` lead somewhere on the site too.

On the forge the Markdown lies beside the code. The site has what is linked to there: pages of the top folder's
Markdown, and of the clients', under `project`, other files as they are under `source`. A link to a folder loses its
link; one to nothing is a warning, of which `--strict` makes an error.
"""

from __future__ import annotations

import logging
import posixpath
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = "docs/"
PROJECT, SOURCE = "project/", "source/"
BEFORE_MKDOCS = 10
"""It turns links into addresses at 0."""
log = logging.getLogger("mkdocs.hooks")


class Links(Treeprocessor, Extension):  # type: ignore[misc]
    """Knows the page that is being made."""

    def __init__(self) -> None:
        Extension.__init__(self)
        self.page: Page
        self.files: Files
        self.config: MkDocsConfig

    def extendMarkdown(self, md: Markdown) -> None:
        Treeprocessor.__init__(self, md)
        md.treeprocessors.register(self, "site_links", BEFORE_MKDOCS)

    def run(self, root: Element) -> None:
        for element in root.iter():
            name = {"a": "href", "img": "src"}.get(element.tag, "")
            if name in element.attrib:
                self._lead(element, name)

    def _lead(self, element: Element, name: str) -> None:
        link = urlsplit(element.attrib[name])
        if link.scheme or link.netloc or not link.path or link.path.startswith("/"):
            return
        here = _in_project(self.page.file.src_uri)
        there = posixpath.normpath(posixpath.join(posixpath.dirname(here), link.path))
        if here.startswith(DOCS) and there.startswith(DOCS):
            return
        if (ROOT / there).is_dir():
            element.tag = "span"
            del element.attrib[name]
        elif not there.startswith("../") and (ROOT / there).is_file():
            target = posixpath.relpath(self._on_site(there), posixpath.dirname(self.page.file.src_uri) or ".")
            element.attrib[name] = link._replace(path=target).geturl()
        else:
            log.warning("%s links to '%s', and there is no such file", here, link.path)

    def _on_site(self, path: str) -> str:
        uri = _on_site(path)
        if self.files.get_file_from_path(uri) is None:
            self.files.append(File.generated(self.config, uri, abs_src_path=str(ROOT / path)))
        return uri


links = Links()


def on_config(config: MkDocsConfig) -> None:
    extensions: list[Any] = config.markdown_extensions
    extensions.append(links)


def on_files(files: Files, config: MkDocsConfig) -> None:
    links.files, links.config = files, config
    for path in sorted((*ROOT.glob("*.md"), *ROOT.glob("clients/*/README.md"), *ROOT.glob("tests/*/README.md"))):
        uri = _on_site(path.relative_to(ROOT).as_posix())
        files.append(File.generated(config, uri, abs_src_path=str(path)))


def on_page_markdown(markdown: str, page: Page, **_: Any) -> None:
    links.page = page


def _on_site(path: str) -> str:
    """Where a file of the project is on the site, as mkdocs names its sources."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    return f"{PROJECT if path.endswith('.md') else SOURCE}{path}"


def _in_project(uri: str) -> str:
    """The reverse."""
    return uri.removeprefix(PROJECT) if uri.startswith(PROJECT) else f"{DOCS}{uri}"
