"""Bars are met, missed, or cannot be told, by the numbers of a block."""

import pytest

from agez.bench.bars import LEAST_OLDER, MOST_FLAGGED, at_least, at_most, bars_of, between


def block(**changes):
    measured = {
        "flagged": 0.03, "older": 0.93, "slope": 0.2, "err": 0.01, "published": 0.4, "gain": 0.5, "age": 1.1, "mh": 0.9,
    } | changes  # fmt: skip
    return {
        "set": "splus", "redshift_range": [0.01, 0.1], "bands": [],
        "flagged": {"value": measured["flagged"]},
        "older": {"age": {"value": measured["older"]}},
        "mass_metallicity": {
            "S": {"log_mass": {"value": measured["slope"], "err": measured["err"], "published": measured["published"]}}
        },
        "halves": {
            "log_age_lw": {"ratio": {"value": measured["age"]}},
            "mh_lw": {"ratio": {"value": measured["mh"]}, "gain": {"value": measured["gain"]}},
        },
    }  # fmt: skip


def test_all_are_met():
    bars = bars_of(block())
    assert len(bars) == 8
    assert all(bar.met for bar in bars)


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"flagged": MOST_FLAGGED + 0.01}, ["rows with a fault"]),
        ({"older": LEAST_OLDER - 0.01}, ["P(ellipticals older"]),
        ({"err": 0.1}, ["[M/H]-mass slope"]),
        ({"published": 0.5, "gain": 0.4}, ["the slope over that of Gallazzi et al. (2005)"]),
        ({"slope": 0.1, "published": 0.15}, ["the slope over that of eCALIFA"]),
        ({"gain": 2.0}, ["the slope over that of Gallazzi et al. times the gain"]),
        ({"age": 1.3}, ["half-band differences, real over mock: log age"]),
        ({"mh": 0.7}, ["half-band differences, real over mock: [M/H]"]),
    ],
)
def test_each_can_be_missed(changes, missed):
    found = [bar.what for bar in bars_of(block(**changes)) if not bar.met]
    assert len(found) == len(missed)
    assert all(bar.startswith(word) for bar, word in zip(found, missed, strict=True))


def test_what_was_not_measured_is_neither():
    bare = block(older=None, mh=None, gain=None)
    assert sum(bar.met is None for bar in bars_of(bare)) == 3
    answers = {key: value for key, value in bare.items() if key not in ("bands", "halves")}
    assert len(bars_of(answers)) == 4  # a table of answers has no tests of a model
    assert bars_of({"set": "mine"}) == []


def test_a_cluster_is_judged_by_both_ways():
    answer = {"log_age_lw": 9.65, "mh_lw": -0.2, "good": False, "flags": ["BAND_NOT_COVERED", "OUT_OF_DISTRIBUTION"]}
    row = {"name": "m67", "known": {"log_age": 9.6, "mh": 0.0}, "fit": answer, "jpas": answer | {"good": True}}
    bars = bars_of({"set": "clusters", "answers": "jpas", "rows": [row]})
    assert [bar.met for bar in bars] == [True, False, False, True, False, True]
    assert bars[2].measured == "OUT_OF_DISTRIBUTION"


def test_edges_count_as_met():
    assert at_least("", 0.9, 0.9, "{}").met
    assert at_most("", 0.9, 0.9, "{}").met
    assert between("", (0.8, 1.2), 1.2, "{}").met
    assert not between("", (0.8, 1.2), -1.0, "{}").met
