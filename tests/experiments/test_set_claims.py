"""Claims of figures 4-9 from invented summaries: the paper's own numbers, a bad run, a small one, missing numbers."""

import copy
import json

import pytest

from agez.experiments.paper import published
from agez.experiments.set_claims import claims

PAPER = published()


def summary(n_galaxies=190):
    """The paper's own numbers as if they were a run's, with what it does not give filled in."""
    paper = copy.deepcopy(PAPER)
    out = {"sample": {"n_galaxies": n_galaxies}, "paper": PAPER, "random_baseline": {}}
    for name in ("set_a", "set_b"):
        out[name] = paper[name]
        for word in ("age", "metallicity"):
            out[name][word] |= {"bias": 0.001, "rmse": 1.1 * out[name][word]["sigma_mad"]}
            out[name]["gradient"][word] |= {"bias": 0.001, "n_galaxies": n_galaxies}
            out["random_baseline"][word] = {"mse": 0.199}
    return out


def verdicts(s):
    return [(c.figure, c.verdict) for c in claims(s)]


def test_the_papers_own_numbers_support_the_papers_claims():
    found = claims(summary())
    assert [c.verdict for c in found] == ["supported"] * 8, [c.how for c in found]
    assert [c.figure for c in found] == [f"figure {n}" for n in (4, 4, 5, 6, 7, 7, 8, 9)]
    assert "published 4.7" in found[5].how


def test_few_galaxies_decide_nothing():
    assert {v for _, v in verdicts(summary(12))} == {"cannot tell"}


def test_bad_numbers_refute():
    s = summary()
    s["set_a"]["age"] |= {"bias": 0.5, "sigma_mad": 0.2}
    s["set_a"]["residual_pcc"] = 0.4
    s["set_a"]["gradient"]["age"]["sigma_mad"] = 0.3
    got = verdicts(s)
    assert [v for _, v in got] == ["not supported"] * 6 + ["supported", "not supported"]


@pytest.mark.parametrize(("pcc", "verdict"), [(-0.24, "supported"), (0.05, "cannot tell"), (0.2, "not supported")])
def test_the_sign_of_a_correlation_needs_an_interval(pcc, verdict):
    s = summary()
    s["set_b"]["residual_pcc"] = pcc
    (one,) = (c for c in claims(s) if c.figure == "figure 8")
    assert one.verdict == verdict


def test_one_set_alone_and_none():
    s = summary()
    del s["set_b"]
    assert {f for f, _ in verdicts(s)} == {"figure 4", "figure 5", "figure 6"}
    s["set_a"] = None
    assert claims(s) == []


def test_missing_numbers_cannot_tell():
    s = summary()
    for name in ("set_a", "set_b"):
        s[name]["residual_pcc"] = None
        for word in ("age", "metallicity"):
            s[name][word] = dict.fromkeys(s[name][word])
            s[name]["gradient"][word] = dict.fromkeys(s[name]["gradient"][word])
    assert {v for _, v in verdicts(s)} == {"cannot tell"}


def test_claims_are_plain_text_of_a_line_or_two():
    for claim in claims(summary()):
        assert json.loads(json.dumps(claim.to_json()))["verdict"] == claim.verdict
        assert len(claim.claim) < 110
