"""The page with every further experiment, with one, with none: figures, tables, claims, links, reasons."""

import json
import re
from dataclasses import replace
from html import escape

import numpy as np
import pytest
from fake_blocks import fake_blocks, fake_claims
from fake_run import fake_run
from report_page import Page

from agez.experiments.claims import Claim
from agez.report.captions import CAPTIONS
from agez.report.cells import look_up
from agez.report.chapters import CHAPTERS
from agez.report.figures import make_figures
from agez.report.html import write_report

TABLES = {one.experiment: one.table[0] for one in CHAPTERS if one.table}
#: Figures of each experiment, in the paper's chapters and in ours.
FIGURES = {key: {figure for one in CHAPTERS if one.experiment == key for figure in one.figures} for key in TABLES}


@pytest.fixture(scope="module")
def run():
    return replace(fake_run(n=900, n_galaxies=16), blocks=fake_blocks(), claims=fake_claims())


@pytest.fixture(scope="module")
def figures(run, tmp_path_factory):
    return make_figures(tmp_path_factory.mktemp("figures"), run)


@pytest.fixture(scope="module")
def text(run, figures, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, run, figures)
    return path.read_text(encoding="utf-8")


def alone(run, tmp_path, *, blocks, claims=(), sets=True):
    """The page of a run with only these blocks."""
    if not sets:
        summary = {key: value for key, value in run.summary.items() if key not in ("set_a", "set_b")}
        summary["against_truth"] = {"labels": summary["against_truth"]["labels"]}
        run = replace(run, set_a=None, set_b=None, summary=summary)
    run = replace(run, blocks=blocks, claims=claims)
    paths = make_figures(tmp_path / "figures", run)
    write_report(tmp_path / "report.html", run, paths)
    return paths, (tmp_path / "report.html").read_text(encoding="utf-8")


def test_every_figure_is_drawn_and_none_is_empty(figures):
    from PIL import Image

    assert list(figures) == list(CAPTIONS)
    for key, path in figures.items():
        with Image.open(path) as image:
            assert image.width > 900, key
            pixels = np.asarray(image.convert("L"), dtype=float)
        assert pixels.std() > 15, key
        ink = pixels < 200
        assert not ink[:, :3].any(), f"figure {key}: something is cut off at the left"
        assert not ink[:, -3:].any(), f"figure {key}: something is cut off at the right"
        assert not ink[:3].any(), f"figure {key}: something is cut off at the top"
        assert not ink[-3:].any(), f"figure {key}: something is cut off at the bottom"


def test_every_cell_is_the_blocks_number(text, run):
    content = {**run.summary, **run.blocks}
    cells = Page(text).cells
    of_blocks = {key: shown for key, shown in cells.items() if key.split(".")[0] in run.blocks}
    assert {key.split(".")[0] for key in of_blocks} == set(run.blocks)
    assert len(of_blocks) > 250
    for key, shown in of_blocks.items():
        value = look_up(content, key)
        if value is None:
            assert shown == "-", key
        else:
            number = float(shown.replace("\N{MINUS SIGN}", "-"))
            tolerance = (
                0.0501 * abs(value) if "seconds_per_sed" in key else 0.5001 * 10 ** -len(shown.partition(".")[2])
            )
            assert number == pytest.approx(value, abs=tolerance), key
    assert cells["table1.measured.age.early-late.err"] == "-"
    assert cells["table1.published.age.early-late"] == "0.16"
    assert cells["training_size.published.random_mse.age"] == "0.1990"
    assert cells["training_size.measured.set_a.age.sigma_mad_std.0"] == "-"
    assert cells["peers.measured.methods.library_fit.seconds_to_train"] == "-"


def test_links_lead_somewhere_and_everything_is_in_the_contents(text, figures):
    page = Page(text)
    assert page.links
    assert set(page.links) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    for anchor in [f"figure-{key}" for key in figures] + list(TABLES.values()):
        assert anchor in page.links, anchor
    order = [page.ids.index(f"figure-{key}") for key in figures]
    assert order == sorted(order)


def test_rows_of_a_table_have_as_many_columns(text):
    for one in re.findall(r"<table>.*?</table>", text, flags=re.S):
        widths = set()
        for line in re.findall(r"<tr.*?</tr>", one, flags=re.S):
            cells = re.findall(r"<t[hd]([^>]*)>", line)
            widths.add(sum(int((re.search(r'colspan="(\d+)"', cell) or [0, 1])[1]) for cell in cells))
        assert len(widths) == 1, one[:300]


def test_every_claim_stands_with_its_verdict_at_its_figure(text, run):
    for claim in run.claims:
        # once in the list of all, once where it belongs
        assert text.count(escape(claim.claim)) == 2, claim
        assert text.count(escape(claim.how).replace("\n", "<br>")) == 1, claim
    assert text.count('class="verdict') == 2 * len(run.claims)
    after = text[text.index('id="figure-13"') :]
    assert "more data help" in after[: after.index("</section>")]
    assert re.search(r'href="#figure-12">figure 12<', text)
    assert re.search(r'href="#figure-bulge_fraction">bulge fraction<', text)
    assert re.search(r'href="#table-diversity">diversity<', text)
    assert re.search(r'href="#peers">peers<', text)
    assert re.search(r'href="#calibration">calibration<', text)
    assert "11 claims" in text
    assert "7 supported, 2 not supported, 2 cannot tell" in text
    row = next(line for line in text.splitlines() if ">values come back<" in line)
    assert [cell in row for cell in ("abstract, 4.1", "0.03 dex", "0.044 dex")] == [True] * 3


def test_a_page_without_any_experiment_says_how_to_get_them(run, tmp_path):
    paths, text = alone(run, tmp_path, blocks={}, sets=False)
    assert set(paths) == {1, 2}
    page = Page(text)
    assert set(page.links) <= set(page.ids)
    assert "agez reproduce --only fig13" in text
    assert text.count("<code>") == 13  # four chapters of the sets, eight experiments, the bulge fraction
    assert not set(TABLES.values()) & set(page.ids)
    assert "measured" not in page.ids


@pytest.mark.parametrize("key", sorted(TABLES))
def test_a_page_with_a_single_experiment(run, tmp_path, key):
    paths, text = alone(run, tmp_path, blocks={key: run.blocks[key]}, sets=False)
    page = Page(text)
    assert set(page.links) <= set(page.ids)
    assert set(TABLES.values()) & set(page.ids) == {TABLES[key]}
    assert f"--only {next(one.only for one in CHAPTERS if one.experiment == key)}</code>" not in text
    assert set(paths) == {1, 2, *FIGURES[key]}


@pytest.mark.parametrize("key", sorted(TABLES))
def test_what_could_not_be_run_says_why(run, tmp_path, key):
    why = "only 3 early types & <nothing> else"
    block = {"published": run.blocks[key]["published"], "measured": {"not_run": why}, "points": {}}
    claim = Claim("figure 13" if key == "training_size" else "table 1", "a claim", "cannot tell", why)
    _, text = alone(run, tmp_path, blocks={key: block}, claims=(claim,), sets=False)
    page = Page(text)
    assert f"Not run: {escape(why)}." in text
    assert set(page.links) <= set(page.ids)
    assert TABLES[key] not in page.ids


def test_one_set_alone(run, tmp_path):
    summary = {key: value for key, value in run.summary.items() if key != "set_b"}
    paths, text = alone(replace(run, set_b=None, summary=summary), tmp_path, blocks={})
    assert set(paths) == {1, 2, 3, 4, 5, 6, 7, "learning", "residuals_a", "gradients_a"}
    assert Page(text).cells["set_b.age.sigma_mad"] == "-"
    assert "For unseen galaxies" not in text


def test_a_block_without_numbers_is_shown_with_dashes(run, tmp_path):
    def emptied(value):
        if isinstance(value, dict):
            return {k: emptied(v) for k, v in value.items()}
        if isinstance(value, list):
            return [emptied(v) for v in value]
        return None if isinstance(value, float) else value

    keys = ("dependence", "table1", "training_size", "mass_gradients", "diversity", "peers", "uncertainty")
    blocks = {key: json.loads(json.dumps(run.blocks[key])) for key in keys}
    for block in blocks.values():
        block["measured"] = emptied(block["measured"])
        block["points"] = emptied(block["points"])
    blocks["training_size"]["measured"]["fractions"] = run.blocks["training_size"]["measured"]["fractions"]
    paths, text = alone(run, tmp_path, blocks=blocks, sets=False)
    assert {10, 11, 12, 13, 14} <= set(paths)
    assert Page(text).cells["table1.measured.age.full.sigma_mad"] == "-"


def test_what_comes_from_outside_is_escaped(text):
    assert "<now>" not in text
    assert "one trend & more <b>" in "".join(Page(text).words)
