"""The command bench."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from agez.commands.answers import Answer
from agez.errors import AgezError


def bench(options: Namespace) -> Answer:
    """``agez bench``."""
    from agez.bench.bench_run import BenchOptions, run_bench
    from agez.bench.lines import lines_of
    from agez.bench.registry import find_sets, shipped_sets
    from agez.bench.set_files import read_set
    from agez.runtime.files import make_folder, write_json

    if options.list:
        listed = [
            {"name": one.name, "title": one.title, "citation": one.citation, "licence": one.licence}
            for one in shipped_sets()
        ]
        return {"sets": listed}, [f"{one['name']:10s} {one['title']}" for one in listed]
    own = tuple(read_set(path) for path in options.set)
    sets = (*(find_sets(options.sets) if options.sets or not own else ()), *own)
    shipped = {one.name for one in shipped_sets()}
    taken = next((one.name for one in own if one.name in shipped), None)
    if taken is not None:
        raise AgezError(f"--set: a set that ships is called {taken!r}; give the key name of the file another word")
    names = [one.name for one in sets]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise AgezError(f"two sets are called {twice[0]!r}; give the key name of the --set file another word")
    if options.out is not None:
        from agez.runtime.optional_packages import check_installed

        check_installed("matplotlib", extra="report", purpose="figures of --out")
    result = run_bench(sets, BenchOptions(
        options.data, options.model, options.answers, options.columns, options.templates, options.ebv, options.seed,
    ))  # fmt: skip
    lines = [line for block in result["sets"].values() for line in lines_of(block)]
    if options.out is None:
        return result, lines
    from agez.report.bench_page import write_bench_page

    folder = make_folder(options.out)
    write_json(folder / "bench.json", result)
    page = write_bench_page(folder, result)
    return result | {"output": str(folder)}, [
        *lines,
        f"{Path(page)}: the page with all figures; {folder / 'bench.json'}",
    ]
