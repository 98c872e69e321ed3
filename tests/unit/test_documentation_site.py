"""What the hooks of the documentation site do to the documents; `tox -e docs` builds the whole site."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests import documentation_site as site

ROOT = Path(__file__).parents[2]
STEP = """1. Do it:

   ```sh
   reencrypt plan   # [no](link.md)
     indented
   ```

   Then more.
"""


@pytest.mark.parametrize(
    ("path", "written", "built"),
    [
        ("README.md", "docs/runbook.md#undo", "runbook.md#undo"),
        ("README.md", "SECURITY.md", "SECURITY.md"),
        ("README.md", "config", "config/index.md"),
        ("docs/runbook.md", "../README.md#the-first-migration", "index.md#the-first-migration"),
        ("docs/runbook.md", "../config/grafana.ini", "config/grafana.ini"),
        ("docs/runbook.md", "reference.md", "reference.md"),
        ("docs/runbook.md", "#undo", "#undo"),
        ("docs/runbook.md", "https://example.com/a", "https://example.com/a"),
    ],
)
def test_a_link_of_the_file_view_becomes_one_between_pages(path: str, written: str, built: str) -> None:
    assert site.for_site(path, f"See [it]({written}), and [`again`]({written}).") == (
        f"See [it]({built}), and [`again`]({built})."
    )


def test_code_is_no_link_and_stays_in_its_step() -> None:
    assert site.indented(site.for_site("docs/runbook.md", STEP)) == STEP.replace("\n   ", "\n    ")


def test_a_bar_in_the_code_of_a_table_loses_its_backslash() -> None:
    assert site.without_escapes(r"| `a\|b` | c\|d |") == r"| `a|b` | c\|d |"
    assert site.without_escapes(r"`a\|b`") == r"`a\|b`"


def test_the_anchor_of_a_heading_is_that_of_file_views() -> None:
    assert site.slugify("When `complete` finds something", "-") == "when-complete-finds-something"
    assert site.slugify("Another secret_key", "-") == "another-secret_key"
    assert site.slugify("A new database: 19 files", "-") == "a-new-database-19-files"


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/x.css">',
        "<img alt='' src='http://cdn.example/x.png'>",
        "src: url(https://fonts.example/x.woff2)",
        '@import "https://fonts.example/x.css";',
    ],
)
def test_what_a_browser_would_load_from_another_host_is_found(text: str) -> None:
    assert len(site.loaded_from_elsewhere(text)) == 1


def test_a_link_that_a_reader_follows_is_none_of_them() -> None:
    assert site.loaded_from_elsewhere('<a href="https://example.com">there</a><script src="js/base.js"></script>') == []


def test_every_document_has_a_place_in_the_navigation() -> None:
    def pages(entries: object) -> list[str]:
        match entries:
            case str():
                return [entries]
            case dict():
                return [page for each in entries.values() for page in pages(each)]
            case list():
                return [page for each in entries for page in pages(each)]
        raise AssertionError(entries)

    documents = [*(path.name for path in ROOT.glob("*.md")), *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))]
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert sorted(pages(navigation)) == sorted(site.site_path(path) for path in documents)
