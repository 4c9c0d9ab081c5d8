"""How well photometry can tell ellipticals from spirals at all: classifiers trained on the classes themselves.

The bar of ``agez bench splus`` asks how often an elliptical is older than a spiral.  What colours know of the classes
is the most that any age can; here logistic regression and random forests learn them, in five-fold cross-validation,
from all colours, from these and the redshift, and from luminosity, too.  Needs ``agez[peers]``::

    python benchmarks/type_ceiling.py --data SKY
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from agez.bench.answer_scores import RED_ANGSTROM, magnitude_near
from agez.bench.registry import find_sets
from agez.bench.scores import probability_above
from agez.bench.table_bench import judged_rows
from agez.models.luminosity import log_distance_factor

CLASSIFIERS = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "random forest": RandomForestClassifier(300, min_samples_leaf=5, random_state=1),
}
#: Colours beyond are not believed.
MOST_COLOUR = 3.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the sets' files; default: that of AGEZ_SKY")
    (one,) = find_sets(["splus"])
    rows = one.rows(parser.parse_args().data)
    assert rows.photometry is not None
    assert one.older is not None
    photometry = rows.photometry
    whole = photometry.covered.all(axis=1) & (np.nan_to_num(photometry.flux) > 0).all(axis=1)
    chosen = judged_rows(one, photometry) & whole & np.isin(rows.known.kind, one.older)
    photometry, old = photometry.take(np.flatnonzero(chosen)), rows.known.kind[chosen] == one.older[0]
    colours = np.clip(np.diff(-2.5 * np.log10(photometry.flux), axis=1), -MOST_COLOUR, MOST_COLOUR)
    z = photometry.redshift
    luminosity = magnitude_near(photometry, RED_ANGSTROM)[1] - 2.5 * log_distance_factor(z)
    inputs = {
        "all colours": colours,
        "and redshift": np.column_stack([colours, z]),
        "and luminosity": np.column_stack([colours, z, luminosity]),
    }
    print(
        f"{old.sum()} {one.older[0]} and {(~old).sum()} {one.older[1]} with all bands; P(first has the larger score):\n"
    )
    print(f"| what it sees | {' | '.join(CLASSIFIERS)} |\n|---|{'---|' * len(CLASSIFIERS)}")
    for name, values in inputs.items():
        cells = []
        for classifier in CLASSIFIERS.values():
            score = cross_val_predict(classifier, values, old, cv=5, method="predict_proba")[:, 1]
            found = probability_above(score[old], score[~old], rng=np.random.default_rng(1))
            cells.append(f"{found.value:.3f} ± {found.err:.3f}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
