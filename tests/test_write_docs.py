"""The tables that benchmarks print, thinned out for the pages, and the marks that they go between."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from fake_blocks import fake_blocks, fake_claims
from fake_run import fake_run

from agez.cli import _parser
from agez.experiments.catalogue import EXPERIMENTS, find_experiments

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


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "tools"))
    import results_tables

    return results_tables


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


def test_every_saved_table_has_its_marks(tools):
    for mark, page in tools[1].SAVED.items():
        text = (DOCS / page).read_text(encoding="utf-8")
        assert text.count(f"<!-- {mark} -->") == text.count(f"<!-- end {mark} -->") == 1


def test_only_what_is_between_the_marks_changes(tools):
    text = "before\n<!-- x -->\nold\n<!-- end x -->\nafter"
    assert tools[1].between_marks(text, "x", "new") == "before\n<!-- x -->\nnew\n<!-- end x -->\nafter"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_mark_has_its_end(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    # a mark over a block of commands, which a test runs, needs no end
    marks = [a for a, b in pairwise([*lines, ""]) if a.startswith("<!-- ") and not b.startswith("```")]
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


def summary_of_fakes(*, without=(), claims=True):
    summary = dict(fake_run().summary)
    for key, block in fake_blocks().items():
        summary[key] = {part: block[part] for part in ("published", "measured")}
    summary["claims"] = [claim.to_json() for claim in fake_claims()] if claims else []
    return {key: value for key, value in summary.items() if key not in without}


def test_every_experiment_has_its_part_of_the_results(results, tools):
    summary = summary_of_fakes()
    parts = results.experiment_parts(summary)
    assert list(parts) == list(fake_blocks())
    for key, part in parts.items():
        (_, header, rows), *more = tools[0].read_tables(part)
        assert rows
        assert not more
        assert all(len(row) == len(header) for row in rows), key
    # numbers are those of the summary: table 1 and figure 13
    one = summary["table1"]["measured"]["metallicity"]["late-early"]
    assert f"{one['sigma_mad']:.3f} ± {one['err']:.3f}" in parts["table1"]
    last = summary["training_size"]["measured"]["set_b"]["age"]
    assert f"{last['mse_mean'][-1]:.4f} ± {last['mse_std'][-1]:.4f}" in parts["training_size"]
    assert "0.199" in parts["training_size"]
    assert "| 0.17 |" in parts["table1"]
    assert "Not run: lightgbm (lightgbm is not installed" in parts["peers"]
    assert not any("<td" in part or "σ" in part for part in parts.values())


def test_verdicts_stand_with_their_experiments(results):
    summary = summary_of_fakes()
    parts = results.experiment_parts(summary)
    assert "- **not supported** (figure 12): no dependence on A_V.  one trend" in parts["dependence"]
    assert "line one. line two" in parts["table1"]
    assert "- **supported** (figure 6): values come back." in results.sets_tables(summary)
    told = parts.values(), results.sets_tables(summary)
    assert sum(part.count("- **") for part in [*told[0], told[1]]) == len(fake_claims())
    table = results.claims_table(summary)
    assert table.startswith("11 claims: 7 supported, 2 not supported, 2 cannot tell.")
    assert "| claim | section | where | published | this run | verdict |" in table
    assert "| values come back | abstract, 4.1 | figure 6 | 0.03 dex | 0.044 dex | supported |" in table
    assert [results.home_of(claim.figure) for claim in fake_claims()] == [
        "hyperparameters", "sets", "dependence", "dependence", "dependence", "table1", "training_size",
        "mass_gradients", "diversity", "peers", "uncertainty",
    ]  # fmt: skip


@pytest.mark.parametrize("missing", [*fake_blocks(), "set_a", "set_b"])
def test_what_a_run_lacks_is_said_in_its_place(results, missing):
    summary = summary_of_fakes(without=(missing,), claims=False)
    parts = results.experiment_parts(summary)
    if missing in parts:
        assert parts[missing].startswith("Not in this run: `agez reproduce --only ")
        name = parts[missing].split("--only ")[1].strip("`.")
        assert results.find_experiments([name]) == (missing,)
    assert [key for key in parts if parts[key].startswith("Not in this run")] == [missing] * (missing in parts)
    summary["against_truth"] = {k: v for k, v in summary["against_truth"].items() if k != missing}
    for name, title in (("set_a", "Set A"), ("set_b", "Set B")):
        assert (title in results.sets_tables(summary)) == (missing != name)


def test_a_run_of_one_experiment_is_enough(results):
    summary = summary_of_fakes(without=("set_a", "set_b"), claims=False)
    summary["against_truth"] = {"labels": summary["against_truth"]["labels"]}
    assert results.sets_tables(summary).endswith("Set A and Set B are not in this run: `agez reproduce --only set_a`.")
    summary["table1"] = {"published": {}, "measured": {"not_run": "only 2 early types"}}
    assert results.experiment_parts(summary)["table1"] == "Not run: only 2 early types."


def test_results_page_is_rewritten_whole(tools, tmp_path, monkeypatch):
    page = (DOCS / "results.md").read_text(encoding="utf-8")
    (tmp_path / "results.md").write_text(page, encoding="utf-8")
    monkeypatch.setattr(tools[1], "DOCS", tmp_path)
    summary = summary_of_fakes()
    tools[1].write_results(summary)
    once = (tmp_path / "results.md").read_text(encoding="utf-8")
    tools[1].write_results(summary)
    assert (tmp_path / "results.md").read_text(encoding="utf-8") == once != page
    assert once.count("<!-- ") == page.count("<!-- ")


def test_headings_over_rows_and_columns_become_cells(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "tools"))
    from html_tables import markdown_of

    from agez.report.cells import group, head, row, table

    both = '<tr><td></td><td></td><th colspan="2">age</th></tr>' + head("n", "a|b", "σ<sub>MAD</sub>")
    cells = "<td>1</td><td>\N{MINUS SIGN}2</td><td>3 ± <span>4</span></td>"
    page = table("A &lt; B", both, [group("Set A", 3), row("x", cells), row("y", "<td>5</td>")])
    assert markdown_of(page).splitlines() == [
        "A < B", "",
        r"|  |  | n | age: a\|b | age: sigma_mad |", "| --- | --- | --- | --- | --- |",
        "| Set A | x | 1 | -2 | 3 ± 4 |", "| Set A | y | 5 |  |  |",
    ]  # fmt: skip
    plain = markdown_of(table("", head("n"), [row("x", "<td>1</td>")]))
    assert plain.splitlines() == ["|  | n |", "| --- | --- |", "| x | 1 |"]


def test_presets_are_those_of_the_code(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "tools"))
    from presets_table import presets_table

    page = (DOCS / "experiments.md").read_text(encoding="utf-8")
    assert f"<!-- presets -->\n{presets_table()}\n<!-- end presets -->" in page, "run: python tools/write_docs.py"


def test_commands_of_the_experiments_page_are_understood():
    page = (DOCS / "experiments.md").read_text(encoding="utf-8")
    block = re.search(r"```sh\n(.*?)```", page, flags=re.DOTALL)[1]
    for line in block.splitlines():
        options = _parser().parse_args(shlex.split(line, comments=True)[1:])
        assert options.command == "reproduce"
        assert find_experiments(options.only)


def test_the_experiments_page_names_all_there_are():
    page = (DOCS / "experiments.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \| (`.*?`) \| (\S+) \|", page, flags=re.MULTILINE)
    found = {key.strip("`"): (re.findall(r"`(\w+)`", names), needs) for names, key, needs in rows}
    for experiment in EXPERIMENTS:
        names, needs = found[experiment.key]
        assert tuple(names) == experiment.shown_in
        assert needs == ("yes" if experiment.needs_sets else "no")


def test_real_sky_has_a_place_for_each_set(tools):
    from agez.bench.registry import shipped_sets

    _, write_docs = tools
    page = (DOCS / "real_sky.md").read_text(encoding="utf-8")
    for one in shipped_sets():
        assert write_docs.between_marks(page, one.name, "new").count("new\n<!-- end") == 1


def test_tables_and_figures_of_the_real_sky(tools, tmp_path, monkeypatch):
    """The folder of a run goes between the marks, without headings; figures beside the others."""
    pytest.importorskip("PIL")
    import json

    from PIL import Image

    _, write_docs = tools
    (tmp_path / "docs" / "figures").mkdir(parents=True)
    (tmp_path / "docs" / "real_sky.md").write_text("<!-- two -->\nold\n<!-- end two -->\n")
    (tmp_path / "run" / "figures").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "run" / "figures" / "two_fit.png")
    block = {
        "set": "two", "title": "Two", "kind": "spectra", "models": ["jpas"], "n": {"rows": 0}, "templates": "T",
        "rows": [], "fit_network": {"jpas": {}}, "surveys": [], "flagged": {"fit": {}},
        "known": None, "gas": None, "order": None,
        "bars": [{"what": "a", "demanded": "b", "measured": "c", "met": False}],
    }  # fmt: skip
    (tmp_path / "run" / "bench.json").write_text(json.dumps({"sets": {"two": block}}))
    monkeypatch.setattr(write_docs, "DOCS", tmp_path / "docs")
    write_docs.write_bench(tmp_path / "run")
    page = (tmp_path / "docs" / "real_sky.md").read_text()
    assert "old" not in page
    assert "## " not in page
    assert "| a    | b        | c        | **no** |" in page
    assert (tmp_path / "docs" / "figures" / "sky_two_fit.png").exists()
