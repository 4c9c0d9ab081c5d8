"""A claim checks itself."""

import json

import pytest

from agez.experiments.claims import VERDICTS, Claim, all_of, verdict_of


@pytest.mark.parametrize("verdict", ["supported", "not supported", "cannot tell"])
def test_the_three_verdicts_pass(verdict):
    claim = Claim("figure 13", "more spectra help", verdict, "error halves: 0.2 to 0.1")
    assert verdict in VERDICTS
    assert json.loads(json.dumps(claim.to_json(), allow_nan=False))["verdict"] == verdict


@pytest.mark.parametrize(
    ("figure", "claim", "verdict", "how"),
    [
        ("figure 13", "x", "maybe", "y"),
        ("figure 13", "x", "", "y"),
        ("figure 13", "x", None, "y"),
        ("", "x", "supported", "y"),
        ("figure 13", "  ", "supported", "y"),
        ("figure 13", "x", "supported", ""),
        ("figure 13", "x\ny", "supported", "y"),
        ("figure 13", "x", "supported", "1\n2\n3"),
    ],
)
def test_anything_else_does_not(figure, claim, verdict, how):
    with pytest.raises(ValueError, match=r"verdict|needs its|one line"):
        Claim(figure, claim, verdict, how)


def test_decisions_become_verdicts():
    assert [verdict_of(d) for d in (True, False, None)] == list(VERDICTS)


@pytest.mark.parametrize(
    ("decisions", "together"),
    [([], None), ([True], True), ([True, True], True), ([True, None], None), ([None, False], False), ([False], False)],
)
def test_all_of(decisions, together):
    assert all_of(decisions) is together
