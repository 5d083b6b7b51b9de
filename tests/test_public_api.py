"""Public names, the API page and the docstrings agree."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

import skrnn

ROOT = Path(__file__).parents[1]
INTERNAL = {"data", "estimators", "generation", "modules", "training"}

PUBLIC_MODULES = ["skrnn"]
PUBLIC_MODULES += sorted(
    f"skrnn.{module.name}"
    for module in pkgutil.iter_modules(skrnn.__path__)
    if module.name not in INTERNAL and not module.name.startswith("_")
)


def exported(module_name):
    """Return the names in a module's `__all__` that are not modules themselves."""
    module = importlib.import_module(module_name)
    return {
        name for name in module.__all__ if not inspect.ismodule(getattr(module, name))
    }


def documented():
    """Return the names under each `currentmodule` of the API page, as {module: set of names}."""
    names, module, in_summary = {}, None, False
    for line in (ROOT / "docs" / "api.rst").read_text().splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif line.startswith(".. autosummary::"):
            in_summary = True
        elif line and not line.startswith(" "):
            in_summary = False
        elif in_summary and (match := re.match(r" +(\w+)$", line)):
            names.setdefault(module, set()).add(match[1])
    return names


def public_objects():
    """Yield (dotted name, object) for public classes and functions and skrnn's methods."""
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in sorted(exported(module_name)):
            public = getattr(module, name)
            if not (inspect.isclass(public) or inspect.isfunction(public)):
                continue  # a scorer says what it is in the string under it
            yield f"{module_name}.{name}", public
            if inspect.isclass(public):
                for method_name, method in inspect.getmembers(public, inspect.isroutine):
                    of = getattr(method, "__module__", None) or ""  # built-ins lack one
                    if not method_name.startswith("_") and of.startswith("skrnn"):
                        yield f"{module_name}.{name}.{method_name}", method


def read_docstring(public):
    """Parse a docstring as numpydoc, which warns of sections that it does not know."""
    return ClassDoc(public) if inspect.isclass(public) else FunctionDoc(public)


OBJECTS = dict(public_objects())


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_the_api_page_lists_what_the_module_exports(module_name):
    assert documented().get(module_name, set()) == exported(module_name)


def test_the_api_page_names_public_modules_only():
    assert set(documented()) <= set(PUBLIC_MODULES)


@pytest.mark.parametrize("name", OBJECTS)
def test_the_docstring_explains_every_parameter(name):
    public = OBJECTS[name]
    doc = read_docstring(public)
    assert "".join(doc["Summary"]).strip(), f"{name} has no summary"

    explained = {}
    for parameter in [*doc["Parameters"], *doc["Other Parameters"]]:
        for each in parameter.name.split(","):
            explained[each.strip().lstrip("*")] = parameter
    signature = inspect.signature(public).parameters
    assert list(explained) == [each for each in signature if each != "self"]

    is_method = name.rpartition(".")[0] in OBJECTS
    for each, parameter in explained.items():
        # a method may say "As for ``fit``" in place of a type
        assert parameter.type or is_method, f"{name}: {each} has no type"
        assert "".join(parameter.desc).strip(), f"{name}: {each} has no description"


@pytest.mark.parametrize(
    "name", [n for n in OBJECTS if n.rpartition(".")[0] in PUBLIC_MODULES]
)
def test_the_docstring_has_an_example(name):
    assert any(">>>" in line for line in read_docstring(OBJECTS[name])["Examples"])


def test_the_developer_guide_names_every_source_file():
    page = ROOT / "docs" / "developer" / "files.rst"
    named = set(re.findall(r"`(skrnn/\S+?)`", page.read_text()))
    assert {name for name in named if not (ROOT / name).exists()} == set()

    sources = (path.relative_to(ROOT) for path in (ROOT / "skrnn").rglob("*.py"))
    folders = tuple(name for name in named if name.endswith("/"))
    assert {
        path.as_posix()
        for path in sources
        if path.name != "__init__.py" and not path.as_posix().startswith(folders)
    } <= named


@pytest.mark.slow
def test_the_example_in_the_readme_runs():
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL
    )
    assert blocks
    for block in blocks:
        short = re.sub(
            r"(Seq\w+\([^()\n]*)random_state=0", r"\1max_epochs=2, random_state=0", block
        )
        exec(compile(short, "README.md", "exec"), {})
