"""The layers and the side doors."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2]
NEXUS = APP / "nexus"
DOORS = ("api", "web", "admin")


def modules(*folders: str) -> list[Path]:
    """Every module below the folders of nexus/; migrations are Django's."""
    return sorted(
        path
        for folder in folders or ("",)
        for path in (NEXUS / folder).rglob("*.py")
        if "migrations" not in path.relative_to(NEXUS).parts
    )


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_imports_go_down_only() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run(
        [linter, "--config", APP / "pyproject.toml", "--no-cache"], cwd=APP, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", modules(*DOORS), ids=lambda path: str(path.relative_to(NEXUS)))
def test_no_door_has_a_side_door_to_the_database(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"objects", "_default_manager", "_base_manager"}, (
                f"{node.attr} in line {node.lineno}"
            )
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert called not in {"atomic", "cursor", "save", "bulk_create"}, f"{called} in line {node.lineno}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(NEXUS)))
def test_a_module_is_small_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    is_empty = path.name == "__init__.py" and not text.strip()
    assert is_empty or ast.get_docstring(ast.parse(text)), "a module begins with one line on what it is for"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(NEXUS)))
def test_a_function_is_short(path: Path) -> None:
    long = {
        f.name: f.end_lineno - f.lineno + 1 for f in functions(path) if f.end_lineno and f.end_lineno - f.lineno >= 50
    }
    assert long == {}


@pytest.mark.parametrize("path", modules("api/rest", "api/graphql"), ids=lambda path: str(path.relative_to(NEXUS)))
def test_a_handler_that_calls_the_domain_is_no_longer_than_15_lines(path: Path) -> None:
    for function in functions(path):
        calls = [
            node.func.value.id
            for node in ast.walk(function)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ]
        if {"operations", "queries"} & set(calls):
            assert function.end_lineno is not None
            assert function.end_lineno - function.lineno < 15, function.name


@pytest.mark.parametrize("path", modules("domain"), ids=lambda path: str(path.relative_to(NEXUS)))
def test_the_domain_knows_no_request(path: Path) -> None:
    imported = [
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert {"HttpRequest", "HttpResponse", "JsonResponse"} & set(imported) == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    nothing = {"utils", "helpers", "common", "misc", "base", "manager", "managers", "service", "services"}
    found = [path for path in modules() if path.stem in nothing or path.parent.name in nothing]
    # Django looks for a database backend by this name.
    assert [str(path) for path in found if path.parts[-2:] != ("postgres", "base.py")] == []
