"""The rooms of agez: imports point one way, and ``import agez`` stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import agez

SOURCE = Path(agez.__file__).parent

#: Every file or folder of the package is in one of these; a room may import those before it (docs/architecture.md).
ROOMS = (
    ("errors", "flags", "arrays", "arguments", "hints", "targets"),
    ("runtime",),
    ("surveys", "distributions"),
    ("types", "prediction_views", "label_types", "sky_offsets", "wavelength_gaps"),
    ("spectral_units", "spectra_assembly", "spectra_arrays", "spectra_specutils"),
    ("tables",),
    ("analysis",),
    ("photometry",),
    ("summaries",),
    ("catalogues",),
    ("spectra",),
    ("images",),
    ("archives",),
    ("samples",),
    ("models",),
    ("novelty",),
    ("mixture_network",),
    ("paper_network",),
    ("onnx",),
    ("populations",),
    ("mocks",),
    ("training_seds",),
    ("training",),
    ("apply", "labelling", "mapping"),
    ("engine",),
    ("bench",),
    ("experiments",),
    ("report", "demo"),
    ("commands",),
    ("cli_examples", "cli", "__main__"),
)
#: Imports inside functions that point the other way, each for a reason said where it stands.
KNOWN_EXCEPTIONS = {
    ("experiments", "report"),  # reproduce.py writes its report last
}
#: What answering must not load: simulators, template libraries, trainers, and networks of the other kind.
NOT_FOR_ANSWERS = (
    "agez.mocks", "agez.training", "agez.training_seds", "agez.populations", "agez.spectra", "agez.samples",
    "agez.paper_network", "agez.experiments", "agez.report", "agez.surveys", "agez.photometry.filters",
)  # fmt: skip
#: Lines of agez that one answer may load; a tenth of them are docstrings of public types and their examples.
MOST_LINES = 5_700
#: Libraries that only some commands need.
HEAVY = (
    "jax",
    "matplotlib",
    "astroquery",
    "pyvo",
    "pst",
    "ppxf",
    "scipy",
    "astropy",
    "numpy",
    "pyarrow",
    "specutils",
    "photutils",
    "reproject",
    "numba",
    "dask",
    "distributed",
    "lsdb",
    "hats",
    "onnx",
)


def imports(body: list[ast.stmt], *, deferred: bool = False) -> Iterator[tuple[str, bool]]:
    """Modules that statements import, and whether inside a function; those for type checking count."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, deferred) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module), deferred
            if node.module == "agez":
                yield from ((f"agez.{alias.name}", deferred) for alias in node.names)
        inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for part in ("body", "orelse", "finalbody", "handlers"):
            yield from imports(getattr(node, part, []), deferred=inside)


def edges() -> set[tuple[str, str, bool]]:
    """(room, imported room, deferred) of the whole package."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for module, deferred in imports(ast.parse(path.read_text(encoding="utf-8")).body):
            parts = module.split(".")
            if parts[0] == "agez" and len(parts) > 1 and not parts[1].startswith("__"):
                found.add((room, parts[1], deferred))
    return {edge for edge in found if edge[0] not in (edge[1], "__init__")}


def level(room: str) -> int:
    (at,) = [number for number, rooms in enumerate(ROOMS) if room in rooms]
    return at


def test_every_file_belongs_to_a_room():
    known = {room for rooms in ROOMS for room in rooms}
    found = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - known - {"__init__", "__pycache__", "models", "data"} == set()


def test_imports_point_one_way():
    backwards = {(a, b) for a, b, deferred in edges() if not deferred and level(b) > level(a)}
    assert backwards == set()


def test_imports_inside_functions_point_back_only_where_known():
    backwards = {(a, b) for a, b, deferred in edges() if deferred and level(b) > level(a)}
    assert backwards <= KNOWN_EXCEPTIONS


def test_no_room_imports_matplotlib_or_jax_but_its_own():
    """Matplotlib stays in the report; JAX in the training; not even deferred elsewhere, but for types."""
    homes = {"matplotlib": {"report"}, "jax": {"training"}}
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        run = [
            node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        ]
        for module, _ in imports(run):
            home = homes.get(module.split(".")[0])
            assert home is None or room in home, f"{path} imports {module}"


def modules_after(statement: str) -> set[str]:
    """Top-level modules that a fresh Python has loaded after a statement."""
    code = f"import sys; {statement}; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


def test_importing_agez_is_light():
    assert modules_after("import agez").isdisjoint(HEAVY)


def test_parsing_a_command_line_is_light():
    assert modules_after("from agez.cli import _parser; _parser()").isdisjoint(HEAVY)


def test_predicting_needs_no_jax_and_no_matplotlib():
    loaded = modules_after("import agez; import agez.models.predict; agez.load_model; agez.synthesize")
    assert loaded.isdisjoint({"jax", "matplotlib", "astroquery", "pst", "ppxf"})


def test_every_public_name_is_there():
    for name in agez.__all__:
        assert getattr(agez, name) is not None


def test_no_circle_of_files_across_folders():
    """Following imports, those inside functions and for type checking too, no file comes back to its own folder."""
    graph = {}
    for path in SOURCE.rglob("*.py"):
        name = ".".join(("agez", *path.relative_to(SOURCE).with_suffix("").parts))
        graph[name] = {module for module, _ in imports(ast.parse(path.read_text(encoding="utf-8")).body)}
    known = set(graph)
    graph = {name: {m for m in modules if m in known} for name, modules in graph.items()}

    def reached(start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            for module in graph[waiting.pop()] - seen:
                seen.add(module)
                waiting.append(module)
        return seen

    def folder(module: str) -> str:
        return module.rpartition(".")[0]

    everything = {name: reached(name) for name in graph}
    circles = {
        (a, b) for a, found in everything.items() for b in found if folder(a) != folder(b) and a in everything[b]
    }
    allowed = {("agez.experiments", "agez.report")}
    assert {(folder(a), folder(b)) for a, b in circles} - allowed - {pair[::-1] for pair in allowed} == set()


def test_an_answer_loads_what_answers_and_nothing_that_learns():
    tool = SOURCE.parents[1] / "tools" / "lines_loaded.py"
    if not tool.exists():
        import pytest

        pytest.skip("tools/ is not installed with the package")
    done = subprocess.run([sys.executable, tool], capture_output=True, text=True, check=True, timeout=120)
    *modules, total = [line.split() for line in done.stdout.splitlines()]
    loaded = {name for _, name in modules}
    assert "agez.mixture_network.mixture_kind" in loaded
    wrong = {name for name in loaded if any(name == one or name.startswith(one + ".") for one in NOT_FOR_ANSWERS)}
    assert wrong == set()
    assert int(total[0]) == sum(int(lines) for lines, _ in modules) <= MOST_LINES
