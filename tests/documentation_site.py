"""Hooks of the documentation site, which `mkdocs.yml` names: the documents of the project's folder become pages of it.

A link between documents is written for the file view of a hosting site, for example `../README.md#the-first-migration`.
Here it becomes the link between the pages. Other files and folders that a document links to, such as `../config`,
become part of the site.
"""

from __future__ import annotations

import posixpath
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
#: The documents of the project's folder that are pages, with their names on the site.
PAGES: Final = {
    "README.md": "index.md",
    **{f"{name}.md": f"{name}.md" for name in ("ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "SECURITY")},
}
_DOCS: Final = "docs/"
_LINK: Final = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_FENCED: Final = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_ROW: Final = re.compile(r"^\|.*$", re.MULTILINE)
_CODE: Final = re.compile(r"`[^`\n]*`")
#: How a line begins that belongs to a step of a list.
_STEP: Final = re.compile(r"^ {2,4}(?=\S)", re.MULTILINE)
#: What a browser loads by itself.
_LOADED: Final = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?(?P<src>(?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b[^>]*\bhref=["']?(?P<href>(?:https?:)?//[^"'\s>]+)"""
    r"""|(?:url\(\s*["']?|@import\s+["'])(?P<style>(?:https?:)?//[^"'\s)]+)""",
    re.IGNORECASE,
)


def slugify(heading: str, separator: str) -> str:
    """Return the anchor of a heading as file views make it."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", separator)


def site_path(path: str) -> str:
    """Return where a file of the project stands on the site, both as paths with `/`."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith(_DOCS):
        return path.removeprefix(_DOCS)
    return posixpath.join(path, "index.md") if (ROOT / path).is_dir() else path


def of_project(page: str) -> str:
    """Return which file of the project a page of the site is."""
    return next((path for path, name in PAGES.items() if name == page), None) or (
        _DOCS + page if (ROOT / _DOCS / page).exists() else page
    )


def linked(path: str, text: str) -> Iterator[str]:
    """Yield the files and folders of the project that a document links to."""
    for match in _links(text):
        file = match["target"].partition("#")[0]
        if file and not _is_elsewhere(file):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), file))


def for_site(path: str, text: str) -> str:
    """Return a document's text with the targets of its links as they are on the site."""
    here = posixpath.dirname(site_path(path))
    parts, end = [], 0
    for match in _links(text):
        file, hash_mark, heading = match["target"].partition("#")
        if file and not _is_elsewhere(file):
            goal = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
            file = posixpath.relpath(site_path(goal), here or ".")
        parts += [text[end : match.start("target")], file, hash_mark, heading]
        end = match.end("target")
    return "".join([*parts, text[end:]])


def without_escapes(text: str) -> str:
    """Return the text with `|` for `\\|` in the code of tables: file views need the backslash."""
    return _ROW.sub(lambda row: _CODE.sub(lambda code: code[0].replace(r"\|", "|"), row[0]), text)


def indented(text: str) -> str:
    """Indent what belongs to a step of a list by four blanks, as Python-Markdown wants it; file views need fewer."""
    fenced = [(match.start(), match.end(), match[0]) for match in _FENCED.finditer(text)]
    parts, end = [], 0
    for start, stop, block in fenced:
        parts += [_STEP.sub("    ", text[end:start]), _in_step(block)]
        end = stop
    return "".join([*parts, _STEP.sub("    ", text[end:])])


def _in_step(block: str) -> str:
    width = len(block) - len(block.lstrip(" "))
    return textwrap.indent(re.sub(rf"^ {{{width}}}", "", block, flags=re.MULTILINE), "    ") if width else block


def _links(text: str) -> list[re.Match[str]]:
    code = [match.span() for match in _FENCED.finditer(text)]
    return [each for each in _LINK.finditer(text) if not any(start <= each.start() < end for start, end in code)]


def _is_elsewhere(target: str) -> bool:
    return "://" in target or target.startswith("mailto:")


def loaded_from_elsewhere(text: str) -> list[str]:
    """Return the addresses of other hosts from which a page or a style sheet loads something."""
    return [match["src"] or match["href"] or match["style"] for match in _LOADED.finditer(text)]


def folder_page(path: str) -> str:
    """Return the page of a folder: what is in it, with links."""
    entries = sorted(each for each in (ROOT / path).rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    names = [each.relative_to(ROOT / path).as_posix() for each in entries]
    return "\n".join([f"# {path}", "", *(f"- [{name}]({name})" for name in names), ""])


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make anchors as file views make them, so that one link works in both."""
    config.mdx_configs["toc"]["slugify"] = slugify
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents of the project's folder, and what any document links to beside them."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - a test of this module needs no MkDocs

    texts = {path: (ROOT / path).read_text() for path in PAGES}
    texts |= {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / _DOCS).glob("*.md")}
    wanted = dict.fromkeys([*PAGES, *(found for path, text in texts.items() for found in linked(path, text))])
    for path in [*wanted]:
        if (ROOT / path).is_dir():
            wanted |= dict.fromkeys(
                each.relative_to(ROOT).as_posix() for each in (ROOT / path).rglob("*") if each.is_file()
            )
    for path in wanted:
        name = site_path(path)
        if path.startswith(_DOCS) or not (ROOT / path).exists() or "__pycache__" in path:
            continue
        content = folder_page(path) if (ROOT / path).is_dir() else (ROOT / path).read_bytes()
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links and the steps of a page."""
    del config, files
    source = page.file.src_uri
    if source.endswith("/index.md"):
        return markdown
    return without_escapes(indented(for_site(of_project(source), markdown)))


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that loads anything from another host."""
    from mkdocs.exceptions import PluginError  # noqa: PLC0415 - a test of this module needs no MkDocs

    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix in {".html", ".css"}:
            found = loaded_from_elsewhere(path.read_text())
            if found:
                raise PluginError(f"{path.relative_to(config.site_dir)} loads {', '.join(found)} from another host")
