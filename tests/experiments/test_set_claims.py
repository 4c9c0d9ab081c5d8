"""Claims of figures 4 to 9 from invented summaries: the paper's own numbers, bad ones, few galaxies, none."""

import copy
import json

import pytest

from agez.experiments import gradient_claims, set_claims
from agez.experiments.decisions import correlation_interval, meets
from agez.experiments.paper import TABLE_1, published

PAPER = published()
WORDS = ("age", "metallicity")


def about(value, half=0.1):
    """A number with an interval around it."""
    return {"value": value, "low": value - half, "high": value + half}


def morphology(ratio):
    """Early against late types."""
    return {"early": 0.1, "late": 0.15, "n_galaxies": {"early": 44, "late": 146}, "early_over_late": about(ratio)}


def details(*, same):
    """Further numbers of a set, as the paper describes them: Set A (the same galaxies) and Set B."""
    mse = [0.0020, 0.0022, 0.0021, 0.0020]
    return {
        "by_morphology": {word: morphology(0.7) for word in WORDS},
        "metal_poor": {"n_spectra": 300, "n_galaxies": 12, "rms_ratio": about(1.8, 0.4)},
        "learning": {
            "early_mse": [0.01] * 4,
            "last_mse": mse,
            "train_mse": mse,
            "validation_mse": [(1.3 if same else 6.0) * one for one in mse],
        },
        "gradient_differences": {"n_galaxies": 190, "pcc": 0.05, **{word: {"central_share": 0.85} for word in WORDS}},
        "alike": {word: about(0.0 if same else 0.6, 0.05) for word in WORDS},
        "truth_pcc": {"value": -0.3, "minus_labels": about(0.05)},
    }


def summary(n_galaxies=190):
    """The paper's own numbers as if they were a run's, with what it does not give filled in."""
    paper = copy.deepcopy(PAPER)
    out = {
        "preset": "full",
        "sample": {"n_galaxies": n_galaxies},
        "paper": PAPER,
        "random_baseline": {},
        "set_details": {},
    }
    for name in ("set_a", "set_b"):
        out[name] = paper[name]
        out["set_details"][name] = details(same=name == "set_a")
        for word in WORDS:
            bias = -0.1 if name == "set_b" else 0.001
            out[name][word] |= {"bias": bias, "rmse": 1.1 * out[name][word]["sigma_mad"]}
            out[name]["gradient"][word] |= {"bias": 0.001, "n_galaxies": n_galaxies}
            out["random_baseline"][word] = {"mse": 0.199}
    out["set_details"]["labels"] = {
        "err": dict.fromkeys(WORDS, 0.04), "truth_pcc": -0.35, "metal_poor_share": 0.05,
        "by_morphology": {word: morphology(0.6) for word in WORDS},
    }  # fmt: skip
    cells = {word: {cell: {"sigma_mad": value, "err": 0.01} for cell, value in TABLE_1[word].items()} for word in WORDS}
    out["table1"] = {"measured": cells}
    return out


def claims(s):
    return [*set_claims.claims(s), *gradient_claims.claims(s)]


def verdict_of(s, start):
    """The verdict of the one claim that begins so."""
    (one,) = (claim for claim in claims(s) if claim.claim.startswith(start))
    return one.verdict


def test_the_papers_own_numbers_support_the_papers_claims():
    found = claims(summary())
    # section 5 says factors of 7 and 8, and its own numbers 4.7 and 5.3: both are in reach of the claim
    assert {c.claim: c.verdict for c in found if c.verdict != "supported"} == {}
    assert {c.figure for c in found} == {"figure 4", "figure 6", "figure 7", "figure 8", "figure 9", "table 1"}
    assert len(found) == 27
    assert all(c.section[0].isdigit() or c.section.startswith("abstract") for c in found)
    assert any("4.7" in c.published and "7 (section 5)" in c.published for c in found)
    assert any("0.16 dex (section 4.3), 0.14" in c.published for c in found)


def test_few_galaxies_decide_nothing_but_what_is_far_off():
    s = summary(12)
    for name in ("set_a", "set_b"):
        s["set_details"][name]["gradient_differences"]["n_galaxies"] = 12
    assert {c.verdict for c in claims(s) if c.figure != "table 1"} == {"cannot tell"}


@pytest.mark.parametrize(
    ("start", "change"),
    [
        ("Age and metallicity are recovered", lambda s: s["set_a"]["age"].update(bias=0.5, sigma_mad=0.2)),
        ("Set A's robust scatter", lambda s: s["set_a"]["age"].update(sigma_mad=0.06)),
        ("Errors in age and metallicity are weakly", lambda s: s["set_a"].update(residual_pcc=-0.8)),
        ("Errors in age and metallicity are weakly", lambda s: s["set_a"].update(residual_pcc=0.4)),
        ("The scatter of Set A is comparable", lambda s: s["set_details"]["labels"]["err"].update(age=0.005)),
        ("Networks are no more affected", lambda s: s["set_details"]["set_a"]["truth_pcc"].update(
            minus_labels=about(-0.6))),
        ("Radial gradients of known", lambda s: s["set_a"]["gradient"]["age"].update(sigma_mad=0.3)),
        ("Gradients of Set A agree", lambda s: s["set_a"]["gradient"]["metallicity"].update(sigma_mad=0.05)),
        ("Differences of the gradients cluster", lambda s: s["set_details"]["set_a"]["gradient_differences"][
            "age"].update(central_share=0.2)),
        ("Differences of the age gradients do not", lambda s: s["set_details"]["set_a"][
            "gradient_differences"].update(pcc=-0.6)),
        ("The scatter of Set A is smaller", lambda s: s["set_details"]["labels"]["err"].update(age=0.02)),
        ("The training error converges", lambda s: s["set_details"]["set_b"]["learning"].update(early_mse=[0.1] * 4)),
        ("Spectra below", lambda s: s["set_details"]["labels"].update(metal_poor_share=0.3)),
        ("Late types have a wider", lambda s: s["set_details"]["labels"]["by_morphology"].update(age=morphology(1.4))),
        ("Set B's robust scatter", lambda s: s["set_b"]["age"].update(sigma_mad=0.06)),
        ("Ages of unseen galaxies", lambda s: s["set_b"]["age"].update(bias=0.05)),
        ("Metallicities of unseen galaxies", lambda s: s["set_details"]["set_b"]["metal_poor"].update(
            rms_ratio=about(0.6))),
        ("Early types are recovered with smaller", lambda s: s["set_details"]["set_b"]["by_morphology"]["age"].update(
            early_over_late=about(1.5))),
        ("Stellar populations of one galaxy", lambda s: s["set_details"]["set_b"]["alike"].update(age=about(-0.3))),
        ("Unseen galaxies (Set B) are recovered worse", lambda s: s["set_b"]["age"].update(sigma_mad=0.01)),
        ("The diversity of the training data", lambda s: s["set_b"]["age"].update(sigma_mad=0.04)),
        ("Set B is worse than Set A by factors", lambda s: s["set_b"]["age"].update(sigma_mad=0.05)),
        ("The correlation of the errors", lambda s: s["set_b"].update(residual_pcc=-0.7)),
        ("Gradients of Set B differ", lambda s: s["set_b"]["gradient"]["age"].update(sigma_mad=0.05)),
        ("Gradients of unseen galaxies", lambda s: s["set_b"]["gradient"]["age"].update(sigma_mad=0.01)),
        ("Networks for the age come nearer", lambda s: s["set_details"]["set_a"]["learning"].update(
            validation_mse=[0.001, 0.0011, 0.001, 0.0011])),
        ("The difference between the training", lambda s: s["set_details"]["set_a"]["learning"].update(
            validation_mse=[0.05, 0.05, 0.06, 0.05])),
        ("Early types, trained on early types", lambda s: s["table1"]["measured"]["age"]["early-early"].update(
            sigma_mad=0.001)),
    ],
)  # fmt: skip
def test_a_bad_number_refutes_its_claim(start, change):
    s = summary()
    assert verdict_of(s, start) == "supported"
    change(s)
    assert verdict_of(s, start) == "not supported"


@pytest.mark.parametrize(
    ("start", "change"),
    [
        # zero inside a wide interval is no absence of a correlation
        ("Differences of the age gradients do not", lambda s: s["set_details"]["set_a"]["gradient_differences"].update(
            pcc=-0.2)),
        # a bias within its error
        ("Ages of unseen galaxies", lambda s: s["set_b"]["age"].update(bias=-0.02)),
        ("Metallicities of unseen galaxies", lambda s: s["set_details"]["set_b"]["metal_poor"].update(n_galaxies=3)),
        ("Early types are recovered with smaller", lambda s: s["set_details"]["set_b"]["by_morphology"]["age"].update(
            n_galaxies={"early": 5, "late": 100})),
        ("The scatter of Set A is comparable", lambda s: s["set_details"]["labels"]["err"].update(age=0.016)),
        ("Early types, trained on early types", lambda s: s.update(preset="standard")),
    ],
)  # fmt: skip
def test_what_is_between_cannot_be_told(start, change):
    s = summary()
    change(s)
    assert verdict_of(s, start) == "cannot tell"


def test_one_set_alone_and_none():
    s = summary()
    del s["set_b"], s["set_details"]["set_b"]
    assert {claim.figure for claim in claims(s)} == {"figure 6", "figure 7"}
    s["set_a"] = None
    assert claims(s) == []


def test_missing_numbers_cannot_tell():
    s = summary()

    def emptied(value):
        if isinstance(value, dict):
            return {key: emptied(one) for key, one in value.items()}
        return [None for _ in value] if isinstance(value, list) else value if isinstance(value, int) else None

    for name in ("set_a", "set_b"):
        s[name] = emptied(s[name])
    s["set_details"], s["table1"] = emptied(s["set_details"]), emptied(s["table1"])
    assert {claim.verdict for claim in claims(s)} == {"cannot tell"}


def test_claims_are_plain_text_of_a_line_or_two():
    for claim in claims(summary()):
        assert json.loads(json.dumps(claim.to_json()))["verdict"] == claim.verdict
        assert len(claim.claim) < 120


def test_an_interval_that_is_too_wide_meets_nothing():
    assert meets(0.9, 1.1, 1.0, 2.0) is True
    assert meets(0.1, 2.0, 1.0, 2.0) is None
    assert meets(0.1, 0.2, 1.0, 2.0) is False
    low, high = correlation_interval(-0.24, 190)
    assert -0.4 < low < -0.24 < high < -0.05
    assert correlation_interval(None, 190) is correlation_interval(0.2, 5) is None
