"""What may be asked of a model: columns, cosmology, template library; and what is refused before any row is read."""

from dataclasses import replace

import pytest
from cli_road import refused

from agez.errors import AgezError
from agez.models.asked import Asked, asked_columns
from agez.models.model import Model
from agez.targets import KNOWN_TARGETS, header_of_targets

NAMES = ("log_age_lw", "mh_lw", "log_mass", "log_ssfr")


def made_up(**more):
    targets = header_of_targets([KNOWN_TARGETS[name] for name in NAMES])
    return Model({}, {"name": "made-up", **targets, "main_targets": ["log_age_lw", "mh_lw"], **more})


def test_by_default_the_main_targets_are_asked_for():
    assert Asked().targets(made_up()) == ("log_age_lw", "mh_lw")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log_mass", ("log_mass",)),
        (" log_ssfr , log_mass,log_ssfr", ("log_ssfr", "log_mass")),
        ("all", (*NAMES, "log_sfr_100")),
        ("log_mass,all", ("log_mass", "log_age_lw", "mh_lw", "log_ssfr", "log_sfr_100")),
        ("mh_lw_library_spread", ("mh_lw",)),
    ],
)
def test_columns_are_names_with_commas(text, expected):
    asked = Asked(asked_columns(text))
    assert asked.targets(made_up()) == expected
    assert asked.library_spread == ("spread" in text)


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_no_column_is_an_error(text):
    with pytest.raises(AgezError, match="--columns"):
        asked_columns(text)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(("dn4000",)), r"'dn4000' is none of model 'made-up'; it has log_age_lw, .*log_sfr_100"),
        (Asked(("Log_mass",)), "'Log_mass' is none of"),
        (Asked(library="emiles"), "cannot answer for library 'emiles'; it was not trained to be told one"),
        (Asked(("log_mass_library_spread",)), "cannot answer for a library; it was not"),
        (Asked(cosmology="Planck2040"), "cosmology 'Planck2040' is unknown; astropy has .*Planck18"),
    ],
)
def test_what_the_model_cannot_give_is_refused(asked, words):
    with pytest.raises(AgezError, match=words):
        asked.check(made_up())


def test_a_cosmology_that_changes_nothing_is_refused():
    targets = header_of_targets([KNOWN_TARGETS[name] for name in NAMES[:2]])
    ages = replace(made_up(), header={**made_up().header, **targets})
    Asked().check(ages)
    with pytest.raises(AgezError, match="cosmology 'WMAP9': nothing that model 'made-up' predicts"):
        Asked(cosmology="WMAP9").check(ages)


def test_libraries_are_those_that_the_model_may_be_told():
    model = made_up(libraries=["emiles", "bc03"])
    asked = Asked(library="bc03", cosmology="WMAP9")
    asked.check(model)
    assert asked.library_number(model) == 1
    assert asked.meta(model.targets) == {"library": "bc03", "cosmology": "WMAP9"}
    assert asked.meta(model.targets[:2]) == {"library": "bc03"}
    assert Asked().library_number(model) is None
    with pytest.raises(AgezError, match="library 'bpass'; it knows emiles, bc03"):
        Asked(library="bpass").check(model)


@pytest.mark.parametrize(
    ("option", "words"),
    [(("--columns", "dn4001"), "dn4001"), (("--library", "nonesuch"), "nonesuch"), (("--columns", ","), "--columns")],
)
def test_the_command_refuses_it_before_any_row_is_answered(tmp_path, option, words):
    bands = ("uJAVA", "J0378", "J0395", "J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS", "J0861", "zSDSS")
    table = tmp_path / "rows.csv"
    head = ["id", "redshift", *(f"flux_{one}" for one in bands), *(f"flux_err_{one}" for one in bands)]
    row = ["1", "0.05", *(["10.0"] * 12), *(["0.5"] * 12)]
    table.write_text(",".join(head) + "\n" + ",".join(row) + "\n")
    out = tmp_path / "out.csv"
    refused("predict", table, "-o", out, "--model", "jplus", *option, says=words, output=out)
