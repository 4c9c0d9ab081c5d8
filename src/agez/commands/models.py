"""Commands of models: train, models."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np

from agez.commands.answers import Answer
from agez.errors import AgezError


def train(options: Namespace) -> Answer:
    """``agez train``."""
    from agez.models.model_card import curve_lines
    from agez.models.model_file import check_model_output, load_model, save_model
    from agez.photometry.same_set import check_same_set
    from agez.samples.sample import read_sample
    from agez.training.learn_sample import score_lines
    from agez.training.train import check_training
    from agez.training.train import train as run

    check_model_output(options.out)
    how = {name: getattr(options, name) for name in ("network", "split", "steps", "learning_curve", "max_epochs")}
    check_training(**how, init=options.init)
    start = None if options.init is None else load_model(options.init)  # a name that is none is said at once
    data = read_sample(options.sample)
    if start is not None:
        check_same_set(start.bands, data.photometry.bands, source=options.sample, option="--init")
    model = run(data, **how, init=start, seed=options.seed, workers=options.workers, name=Path(options.out).stem)
    save_model(options.out, model)
    scores = {target.word: model.header["scores"][target.name] for target in model.targets}
    content = {
        "output": options.out,
        "n_spectra": len(data),
        "n_galaxies": len(data.galaxies),
        "network": options.network,
        "init": options.init,
        "split": options.split,
        "seed": options.seed,
        "scores": scores,
    }
    curve = model.header["training"].get("learning_curve")
    if curve is not None:
        content["learning_curve"] = curve
    lines = [f"{options.out}: {len(data)} spectra of {len(data.galaxies)} galaxies, split {options.split}"]
    content["n_redshift_unknown"] = int(np.isnan(data.photometry.redshift).sum())
    if content["n_redshift_unknown"]:
        lines.append(
            f"{content['n_redshift_unknown']} of {len(data)} SEDs have no redshift: they were learned from as such; "
            "'agez sample --redshift COLUMN|Z' says it (0: rest frame)"
        )
    if options.network == "paper":
        lines += [f"  {word}: sigma_mad {one['sigma_mad']:.3f} dex against labels" for word, one in scores.items()]
    else:
        lines += score_lines(model)
    return content, lines + (curve_lines(curve) if curve is not None else [])


def models(options: Namespace) -> Answer:
    """``agez models``."""
    from agez.models.model_card import card_lines, summary_line
    from agez.models.model_file import available_models, find_model, load_model

    if options.onnx is not None:
        return _export(options)
    if options.name is not None:
        model = load_model(options.name)
        return {
            "name": model.header.get("name", ""),
            "path": str(find_model(options.name)),
            **model.header,
        }, card_lines(model)
    found = available_models()
    known = {name: load_model(path) for name, path in found.items()}
    content = {
        name: {
            "path": str(found[name]),
            "size_bytes": found[name].stat().st_size,
            "filter_set": model.bands.filter_set,
            "n_bands": len(model.bands),
            "redshift_range": list(model.header["redshift_range"]),
            "scores": model.header["scores"],
        }
        for name, model in known.items()
    }
    lines = [summary_line(name, model, found[name]) for name, model in known.items()]
    none = "none come with this version; make one: agez reproduce, or agez train SAMPLE -o MODEL.safetensors"
    return {"models": content}, lines or [none]


def _export(options: Namespace) -> Answer:
    """``agez models NAME --onnx FILE``."""
    from agez.models.model_file import load_model
    from agez.onnx.export_onnx import export_onnx

    if options.name is None:
        raise AgezError("--onnx writes one model; name it: agez models NAME --onnx FILE (agez models lists them)")
    path = export_onnx(options.onnx, load_model(options.name))
    size = path.stat().st_size
    content = {"output": str(path), "model": options.name, "size_bytes": size}
    lines = [f"{path}: {options.name}, from fluxes to answers, {size / 1e6:.1f} MB; its description says how to use it"]
    return content, lines
