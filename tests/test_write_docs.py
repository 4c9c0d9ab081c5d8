"""The tables that benchmarks print, thinned out for the pages, and the marks that they go between."""

from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
PRINTED = """some words

**first** title

| type | S/N | agez: scatter | bias | pPXF: scatter | bias |
|---|---|---|---|---|---|
| early | 15 | 0.067 | -0.018 | nan | +nan |
| late | 15 | - | - | - | - |

second title

| line | agez: n | ratio |
| --- | --- | --- |
| OII | 0 | - |
| Hbeta | 3 | 1.0 |
"""


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "tools"))
    import markdown_tables
    import write_docs

    return markdown_tables, write_docs


def test_tables_are_found_with_their_titles(tools):
    first, second = tools[0].read_tables(PRINTED)
    assert first[0] == "**first** title"
    assert first[1] == ["type", "S/N", "agez: scatter", "bias", "pPXF: scatter", "bias"]
    assert second == ("second title", ["line", "agez: n", "ratio"], [["OII", "0", "-"], ["Hbeta", "3", "1.0"]])


def test_what_says_nothing_is_left_out(tools):
    first, second = tools[0].read_tables(PRINTED)
    header, rows = tools[0].drop_empty(*first[1:])
    assert header == ["type", "S/N", "agez: scatter", "bias"]
    assert rows == [["early", "15", "0.067", "-0.018"]]
    assert tools[0].drop_empty(*second[1:])[1] == [["Hbeta", "3", "1.0"]]


def test_a_table_comes_back_as_it_was(tools):
    header, rows = tools[0].read_tables(PRINTED)[1][1:]
    assert tools[0].read_tables(tools[0].join_table(header, rows)) == [("", header, rows)]


def test_only_what_is_between_the_marks_changes(tools):
    text = "before\n<!-- x -->\nold\n<!-- end x -->\nafter"
    assert tools[1].between_marks(text, "x", "new") == "before\n<!-- x -->\nnew\n<!-- end x -->\nafter"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_mark_has_its_end(page):
    marks = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("<!-- ")]
    assert len(marks) % 2 == 0
    for start, end in zip(marks[::2], marks[1::2], strict=True):
        assert end == start.replace("<!-- ", "<!-- end ")


def test_output_that_is_cut_short_is_refused(tools):
    with pytest.raises(SystemExit, match="light-weighted log age"):
        tools[1].accuracy_tables(PRINTED)


def test_groups_of_columns_are_those_of_codes(tools):
    header = ["S/N", "agez: V", "mad", "agez: sigma", "pPXF: V", "mad"]
    assert tools[0].groups_of(header) == [0, 1, 1, 1, 2, 2]
    assert tools[0].first_groups(header, [list("123456")], 1) == (header[:4], [list("1234")])
