"""Invented blocks of every further experiment, in the form in which the experiments give them, and claims."""

import numpy as np
from scipy.special import ndtr

from agez.analysis.calibration_metrics import calibration_block
from agez.experiments.claims import Claim
from agez.experiments.diversity import STEPS
from agez.experiments.paper import TABLE_1, published

WORDS = ("age", "metallicity")
SETS = ("set_a", "set_b")
PROPERTIES = ("log_ssfr", "inclination", "av", "bulge_fraction")
TITLES = {
    "network": "convolutional networks",
    "random_forest": "random forest (scikit-learn)",
    "library_fit": "Bayesian fit of a template library",
}


def hyperparameters(rng, n_trials=24):
    """A search that found something slightly better, and was not sure of it once."""
    hand = {
        word: {"filters": [n, n], "widths": [6, 8], "pool": 8, "dense": 40, "batch": 128}
        for word, n in zip(WORDS, (16, 20), strict=True)
    }
    measured, points = {"n_final_seeds": 3}, {}
    for name in SETS:
        measured[name], points[name] = {}, {}
        for k, word in enumerate(WORDS):
            mse = 0.004 * np.exp(rng.normal(0.3, 0.3, n_trials))
            good = name == "set_a" or k == 0
            measured[name][word] = {
                "chosen": {"filters": [33, 64], "widths": [12, 6], "pool": 3, "dense": 33, "batch": 32},
                "chosen_is_hand_set": False,
                "n_trials": n_trials,
                "n_pruned": n_trials // 3,
                "best_validation_mse": float(mse.min()),
                "hand_set": {"sigma_mad": 0.0612, "sigma_mad_err": 0.0011, "mse": 0.0045, "mse_err": 0.0002},
                "searched": {"sigma_mad": 0.0587, "sigma_mad_err": 0.0013, "mse": 0.0042, "mse_err": 0.0003},
                "gain_mse": 0.0003 if good else -0.0009,
                "gain_mse_err": 0.0002,
                "at_least_as_good": good,
                "verdict": "equal within errors" if good else "worse",
            }
            points[name][word] = {
                "trials": [
                    {"number": i, **hand[word], "pruned": bool(i % 3 == 2), "epochs": 9, "validation_mse": float(m)}
                    for i, m in enumerate(mse)
                ]
            }
    return {"published": hand, "measured": measured, "points": points}


def dependence(rng, n=60):
    """No trend but one; the bulge fraction is not known."""
    ids = [f"G{i}" for i in range(n)]
    x = {
        "log_ssfr": rng.normal(-10.5, 0.8, n), "inclination": rng.uniform(20, 80, n), "av": rng.gamma(2, 0.15, n),
        "bulge_fraction": np.full(n, np.nan),
    }  # fmt: skip
    properties = {k: [None if np.isnan(v) else float(v) for v in values] for k, values in x.items()}
    measured = {"bin_size": 16, "sigma_mad": {}}
    points = {"galaxy_id": ids, "morphology": ["late"] * n, "properties": properties, "bins": {}}
    for name, scale in zip(SETS, (0.02, 0.09), strict=True):
        measured[name], points[name], points["bins"][name] = {}, {}, {}
        measured["sigma_mad"][name] = dict.fromkeys(WORDS, scale)
        for word in WORDS:
            y = {"median": rng.normal(0, scale, n), "sigma_mad": scale * np.exp(rng.normal(0, 0.3, n))}
            points[name][word] = {k: v.tolist() for k, v in y.items()}
            points[name][word]["median"][0] = None
            measured[name][word], points["bins"][name][word] = {}, {}
            for key in PROPERTIES:
                known = not np.isnan(x[key]).any()
                order = np.argsort(x[key])
                groups = np.array_split(order, n // 16) if known else []
                bins = {"x": [float(np.median(x[key][own])) for own in groups]}
                cell = {"n_galaxies": n if known else 0}
                for statistic in ("median", "sigma_mad"):
                    bins[statistic] = [float(np.median(y[statistic][own])) for own in groups]
                    bins[f"{statistic}_spread"] = [float(np.std(y[statistic][own])) for own in groups]
                    rho = float(rng.uniform(-0.2, 0.2))
                    trend = key == "av" and statistic == "sigma_mad"
                    test = {"rho": rho, "low": rho - 0.25, "high": rho + 0.25, "p_value": 0.3, "p_holm": 0.9}
                    test |= {"trend": trend, "tiny": True, "change_dex": 0.01, "difference_dex": 0.004, "share": 0.05}
                    cell[statistic] = test if known else dict.fromkeys(test)
                measured[name][word][key], points["bins"][name][word][key] = cell, bins
    return {"published": {"bin_size": 16, "trend": False}, "measured": measured, "points": points}


def table1(rng, n_draws=6):
    """Cells near the paper's."""
    measured = {"n_draws": n_draws, "n_train_early": 33, "n_train_late": 114, "n_test_early": 11, "n_test_late": 32}
    points = {}
    for word in WORDS:
        draws = {cell: rng.normal(value, 0.02, n_draws) for cell, value in TABLE_1[word].items()}
        measured[word] = {
            cell: {
                "sigma_mad": float(v.mean()), "err": float(v.std(ddof=1) / n_draws**0.5),
                "spread": float(v.std(ddof=1)),
                "bias": 0.01, "n_draws": n_draws,
            }
            for cell, v in draws.items()
        }  # fmt: skip
        points[word] = {cell: {"sigma_mad": v.tolist(), "bias": [0.01] * n_draws} for cell, v in draws.items()}
    measured["age"]["early-late"]["err"] = None
    return {"published": TABLE_1, "measured": measured, "points": points}


def training_size(rng, n_repeats=8):
    """Errors that fall with size; the smallest training set failed once."""
    fractions = [0.05, 0.1, 0.2, 0.4, 0.75]
    measured = {"n_repeats": n_repeats, "fractions": fractions, "random_mse": {"age": 0.25, "metallicity": 0.19}}
    points = {}
    for name, floor in zip(SETS, (0.002, 0.012), strict=True):
        measured[name], points[name] = {}, {}
        for word in WORDS:
            base = floor + 0.0015 / np.array(fractions)[:, None]
            mse = base * np.exp(rng.normal(0, 0.25, (len(fractions), n_repeats)))
            values = {"mse": mse, "sigma_mad": 0.8 * np.sqrt(mse)}
            measured[name][word] = {"n_train": [1000.0 * f for f in fractions]}
            points[name][word] = {}
            for key, v in values.items():
                measured[name][word] |= {f"{key}_mean": v.mean(1).tolist(), f"{key}_std": v.std(1, ddof=1).tolist()}
                points[name][word][key] = v.tolist()
            points[name][word]["mse"][0][0] = None
            measured[name][word]["sigma_mad_std"][0] = None
    published_block = {"random_mse": {"age": 0.199, "metallicity": None}, "fraction_range": [0.05, 0.75]}
    return {"published": published_block, "measured": measured, "points": points}


def mass_gradients(rng, n=48):
    """Gradients that steepen with mass; a galaxy of unknown type and one without gradient."""
    kind = np.where(np.arange(n) % 4 == 0, "early", "late")
    log_mass = rng.uniform(9.0, 11.6, n)
    points = {"galaxy_id": [f"G{i}" for i in range(n)], "morphology": kind.tolist(), "log_mass": log_mass.tolist()}
    points["morphology"][1] = ""
    measured = {"bin_sizes": {"early": 6, "late": 10}, "against_labels": {}, "by_morphology": {}}
    for name, scatter in (("labels", 0.0), ("set_a", 0.02), ("set_b", 0.1)):
        measured[name], points[name] = {}, {}
        for word in WORDS:
            slope = -0.1 * (log_mass - 10) + rng.normal(0, 0.1, n) + scatter * rng.normal(0, 1, n)
            points[name][word] = {"slope": slope.tolist(), "slope_scatter": [0.03] * n}
            points[name][word]["slope"][2] = points[name][word]["slope_scatter"][2] = None
            measured[name][word] = {}
            for one, size in measured["bin_sizes"].items():
                own = np.flatnonzero(kind == one)
                own = own[np.argsort(log_mass[own])]
                groups = np.array_split(own, len(own) // size)
                measured[name][word][one] = {
                    "n_galaxies": len(own),
                    "spearman": {"rho": -0.4, "low": -0.6, "high": -0.1, "p_value": 0.001},
                    "mean_gradient": float(slope[own].mean()),
                    "mean_gradient_err": 0.02,
                    "bins": {
                        "log_mass": [float(log_mass[g].mean()) for g in groups],
                        "mean": [float(slope[g].mean()) for g in groups],
                        "err": [float(slope[g].std() / len(g) ** 0.5) for g in groups],
                        "n": [len(g) for g in groups],
                    },
                }
    for name in SETS:
        agree = {"n_galaxies": 12, "n_bins": 3, "rms_in_errors": 1.1, "p_value": 0.3, "p_holm": 0.6, "rms_dex": 0.02,
                 "err_dex": 0.02, "scatter": 0.03, "spread": 0.12, "mean_difference": 0.004,
                 "mean_difference_err": 0.01}  # fmt: skip
        measured["against_labels"][name] = {w: {"early": dict(agree), "late": dict(agree)} for w in WORDS}
        measured["by_morphology"][name] = {w: {"early_over_late": 1.1, "low": 0.7, "high": 1.6} for w in WORDS}
    return {"published": {"bin_sizes": {"early": 6, "late": 10}}, "measured": measured, "points": points}


def diversity(rng):
    """Ratios that rise, of all surveys but one whose libraries are not installed."""
    steps = {}
    for k, name in enumerate(step for step in STEPS if step != "libraries"):
        steps[name] = {"n_spectra": 700, "n_galaxies": 24, "n_rejected": 20}
        for word in WORDS:
            a, ratio = float(0.05 * rng.uniform(0.9, 1.1)), 1.3 + 0.3 * k
            part = {"value": ratio, "low": ratio - 0.3, "high": ratio + 0.3}
            cell = {"labels": {"sigma_mad": 0.06, "bias": -0.01}, "ratio": part | {"truth": dict(part)}}
            for which, scatter in zip(SETS, (a, ratio * a), strict=True):
                truth = {"sigma_mad": 1.2 * scatter, "bias": 0.02}
                cell[which] = {"sigma_mad": scatter, "bias": 0.001, "truth": truth}
            steps[name][word] = cell
    one = {"set_a": [0.06, 0.05, 0.05], "set_b": [0.2, 0.12, 0.08], "power": 1.1, "needed": 500.0}
    galaxies = {
        name: {"n_galaxies": [6, 12, 24], **{word: dict(one) for word in WORDS}} for name in ("standard", "all")
    }
    galaxies["all"]["age"]["needed"] = None
    rise = {word: {"value": 1.4, "low": 1.2, "high": 1.6} for word in WORDS}
    nearest = {"step": "fewer", "distance": 0.4, "distances": dict.fromkeys(steps, 0.5)}
    return {"published": {"ratio": {"age": 4.67, "metallicity": 5.33}}, "points": {},
            "measured": {"steps": steps, "galaxies": galaxies, "nearest": nearest, "rise": rise,
                         "libraries": ["emiles"], "skipped": {"bc03": "not installed: <now>"}}}  # fmt: skip


def peers(rng):
    """The network, a forest, a fit without training, and one method that is not installed."""
    methods = {}
    for k, (name, title) in enumerate(TITLES.items()):
        methods[name] = {"title": title, "learns_from": "training rows", "seconds_per_sed": 1.5e-5 * 10**k}
        methods[name]["seconds_to_train"] = None if name == "library_fit" else 12.5 * (k + 1)
        for which in SETS:
            methods[name][which] = {"residual_pcc": -0.3}
            for word in WORDS:
                s = float(0.04 * (k + 1) * rng.uniform(0.9, 1.1))
                methods[name][which][word] = {"sigma_mad": s, "bias": 0.001, "rmse": 1.2 * s, "n": 3600}
            methods[name][which]["truth"] = {w: {"sigma_mad": 0.07, "bias": 0, "rmse": 0.1, "n": 9} for w in WORDS}
    skipped = {"lightgbm": "lightgbm is not installed: pip install 'agez[peers]' <now>"}
    return {"published": {n: published()[n] for n in SETS}, "points": {},
            "measured": {"methods": methods, "skipped": skipped, "differences": {}, "library": None}}  # fmt: skip


def uncertainty(rng, n=900, *, width=1.0):
    """Distributions that hold what they promise, or are ``width`` times as wide as they should be."""
    galaxy = rng.integers(30, size=n)
    score = rng.normal(0, 1 / width, (n, 2))
    sigma = np.full((n, 2), 0.05)
    known = {"snr": rng.uniform(10, 80, n), "n_bands": np.full(n, 34.0), "log_age_lw": rng.normal(9.5, 0.3, n)}
    measured, points = {"start": "paper", "n_galaxies": 30, "size": {"steps": 5, "members": 1, "n_bootstrap": 50}}, {}
    for name in SETS:
        points[name] = calibration_block(ndtr(score), sigma, sigma, galaxy, known, rng=rng, n_bootstrap=50)
        measured[name] = {"residual_pcc": -0.35, "correlation": -0.31}
        for word in WORDS:
            part = points[name][word]
            gain = {"difference": 0.006, "low": 0.001, "high": 0.011}
            measured[name][word] = {
                "sigma_mad": 0.054, "bias": -0.001, "rmse": 0.071, "n": n, "network_sigma_mad": 0.06, "ratio": 0.9,
                "gain": gain, **{key: part["overall"][key] for key in ("coverage_68", "coverage_95")},
                **{key: part["overall"][key] for key in ("crps", "sharpness")},
                **{key: part["pit"][key] for key in ("departure", "departure_95")},
            }  # fmt: skip
    return {"published": {}, "measured": measured, "points": points}


def fake_blocks(seed=11):
    """A block of every experiment, by key, in the paper's order."""
    rng = np.random.default_rng(seed)
    makers = (hyperparameters, dependence, table1, training_size, mass_gradients, diversity, peers, uncertainty)
    return {make.__name__: make(rng) for make in makers}


def fake_claims():
    """Claims of all verdicts and all forms of place."""
    return (
        Claim("figure 2", "the search helps", "supported", "gain 0.0003 +- 0.0002"),
        Claim("figure 6", "values come back", "supported", "rounds to it", "abstract, 4.1", "0.03 dex", "0.044 dex"),
        Claim("figure 12", "no dependence on A_V", "not supported", "one trend & more <b>", "4.4"),
        Claim("figure 11", "no dependence on inclination", "cannot tell", "too few galaxies", "4.4"),
        Claim("bulge fraction", "no dependence on the bulge", "supported", "no trend at all", "4.4"),
        Claim("table 1", "both types are needed", "cannot tell", "line one\nline two"),
        Claim("figure 13", "more data help", "supported", "2 errors"),
        Claim("figure 14", "gradients follow mass", "supported", "rms 1.1"),
        Claim("diversity", "they differ in more", "supported", "ratios apart", "4.3"),
        Claim("peers", "networks are better", "not supported", "they are not"),
        Claim("calibration", "intervals hold", "supported", "68.1 and 95.2 %"),
    )
