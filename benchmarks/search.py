"""What a search for the networks' sizes gains over the authors' own, trained on all rows by the standard recipe.

Run ``python benchmarks/search.py SAMPLE [--trials 12]``, SAMPLE being ``sample.fits`` of a standard run.  A dozen
trials for each of the four cases, the best of them and the authors' sizes with two seeds: a quarter of an hour on two
cores, where ``agez reproduce --preset full --only fig2`` makes sixty trials and takes the best three with three seeds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from agez.experiments.hyperparameters import SearchSize, claims, hyperparameters
from agez.experiments.paper import SETS, set_title
from agez.paper_network.jobs import CONVERGED_FAST
from agez.paper_network.pool import Trainer
from agez.samples.sample import read_sample
from agez.targets import TARGET_WORDS


def main() -> None:
    """Print, for each case, both networks' errors on untouched rows, and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sample", metavar="SAMPLE")
    parser.add_argument("--trials", type=int, default=12, metavar="N", help="default: 12")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="default: 2")
    options = parser.parse_args()
    size = SearchSize(options.trials, 20, 1, 2, n_startup=4, n_warmup=4, round_size=6)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Trainer(options.workers) as trainer:
        block = hyperparameters(
            read_sample(options.sample), trainer, size=size, settings=CONVERGED_FAST, seed=1, folder=Path(folder)
        )
    print("| | | filters; widths; pooling; dense; batch | sigma_mad, by hand | searched | MSE lower by |")
    print("|---|---|---|---|---|---|")
    for name in SETS:
        for word in TARGET_WORDS.values():
            case = block["measured"][name][word]
            sizes = "; ".join(str(value).strip("[]") for value in case["chosen"].values())
            hand, searched = (f"{case[which]['sigma_mad']:.4f}" for which in ("hand_set", "searched"))
            percent = 100 / case["hand_set"]["mse"]
            gain = f"{case['gain_mse'] * percent:.0f} ± {case['gain_mse_err'] * percent:.0f} %"
            print(f"| {set_title(name)} | {word} | {sizes} | {hand} | {searched} | {gain} |")
    for claim in claims(block):
        print(f"{claim.verdict}: {claim.claim}")
    print(f"{time.monotonic() - start:.0f} s, {options.workers} workers")


if __name__ == "__main__":
    main()
