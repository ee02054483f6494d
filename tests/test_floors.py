"""No import runs upward, and none in a circle: each room knows only the rooms below it."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = {"errors", "files", "media", "memory", "timing"}
"""Small helpers that everybody may use."""
BUNDLE = {"identity", "identity_config", "identity_saving", "hub"}
GROUND = {"speech", "face", "nets"}
BELOW: dict[str, set[str]] = {
    **{helper: SHARED for helper in SHARED},
    **{room: SHARED for room in GROUND},
    **{module: SHARED | GROUND | BUNDLE for module in BUNDLE},
    "render": SHARED | GROUND | BUNDLE,
    "avatar": SHARED | GROUND | BUNDLE | {"render", "capture", "metrics", "__init__"},
    **{room: SHARED | GROUND | BUNDLE | {"render", "capture", "metrics", "training"}
       for room in ("capture", "metrics", "training", "baselines")},
}  # fmt: skip
"""What each room may import beside itself; the other modules stand on top and may all."""


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; a room's own name is its ``__init__``."""
    result = {}
    for path in sorted((ROOT / "avatar").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        result[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return result


def imported(name: str, path: Path, known: set[str]) -> set[str]:
    """The package's modules that a module imports anywhere in its code, but for type checkers."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*(parts if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found |= {full} if full in known else {base} & known
    return found


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    paths = modules()
    return {name: imported(name, path, set(paths)) for name, path in paths.items()}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def test_no_import_runs_upward(imports: dict[str, set[str]]) -> None:
    upward = [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if room(module) in BELOW and room(other) not in BELOW[room(module)] | {room(module)}
    ]
    assert len(imports) > 40 and not upward


def test_no_import_runs_in_a_circle(imports: dict[str, set[str]]) -> None:
    TopologicalSorter(imports).prepare()
