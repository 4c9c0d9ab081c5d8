"""Commands that say what there is: filters and check."""

from __future__ import annotations

from argparse import Namespace

from agez.commands.answers import Answer
from agez.errors import AgezError


def filters(options: Namespace) -> Answer:
    """``agez filters``."""
    from agez.photometry.filters import load_filters
    from agez.surveys.registry import filter_sets

    if options.name is None:
        if options.fetch:
            raise AgezError("--fetch needs the name of a filter set")
        sets = {name: load_filters(name) for name in filter_sets()}
        listed = {name: {"n_bands": len(one), "source": one.source} for name, one in sets.items()}
        return {"filter_sets": listed}, [f"{name:10s} {len(one):3d} bands  {one.source}" for name, one in sets.items()]
    if options.fetch and options.name not in filter_sets():
        raise AgezError(f"--fetch knows {', '.join(filter_sets())}; {options.name} already gives its curves")
    one = load_filters(options.name, measured=options.fetch)
    rows = list(zip(one.bands.names, one.bands.pivot_angstrom, one.bands.fwhm_angstrom, strict=True))
    content = {
        "filter_set": one.name,
        "source": one.source,
        "bands": [{"name": n, "pivot_angstrom": p, "fwhm_angstrom": w} for n, p, w in rows],
    }
    lines = [f"{one.name}: {one.source}", f"{'band':8s} {'pivot [A]':>10s} {'FWHM [A]':>10s}"]
    return content, lines + [f"{n:8s} {p:10.1f} {w:10.1f}" for n, p, w in rows]


def check(options: Namespace) -> Answer:
    """``agez check``."""
    from agez.experiments.selfcheck import run_checks

    results = run_checks()
    lines = [f"{'ok  ' if one.ok else 'NO  '} {one.name}: {one.detail}" for one in results]
    if not all(one.ok for one in results if one.essential):
        raise AgezError("; ".join(f"{one.name}: {one.detail}" for one in results if one.essential and not one.ok))
    content = {one.name: {"ok": one.ok, "essential": one.essential, "detail": one.detail} for one in results}
    return {"checks": content}, lines
