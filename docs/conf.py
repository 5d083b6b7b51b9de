"""Sphinx configuration. The build uses no network."""

import os
import re
from dataclasses import is_dataclass
from importlib.metadata import version as installed_version

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

from skrnn.estimators._rows import groups_of

# Gallery examples train small networks: one thread is as fast and keeps timings comparable.
os.environ.setdefault("OMP_NUM_THREADS", "1")

project = "skrnn"
author = "skrnn developers"
copyright = "skrnn developers"
version = release = installed_version("skrnn")

extensions = [
    "myst_parser",  # CHANGELOG.md
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",  # grids and cards
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "inventories"]
default_role = "code"
nitpicky = True  # a name that leads nowhere is an error
nitpick_ignore_regex = [
    ("py:obj", r"\w+_")
]  # attributes that numpydoc lists, such as history_

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the docstrings name types and shapes
numpydoc_show_class_members = False  # the class template lists them

# Names of other projects that the pages cite. The lists are local, so that the build needs no
# network; the links lead to the projects' sites. A new citation is a line in one of the files.
intersphinx_mapping = {
    name: (site, f"inventories/{name}.txt")
    for name, site in {
        "numpy": "https://numpy.org/doc/stable/",
        "pandas": "https://pandas.pydata.org/docs/",
        "sklearn": "https://scikit-learn.org/stable/",
        "skorch": "https://skorch.readthedocs.io/en/stable/",
        "torch": "https://docs.pytorch.org/docs/stable/",
    }.items()
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "remove_config_comments": True,
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"[/\\]plot_",
    "ignore_pattern": r"^(?!plot_).*\.py$",  # a gallery file is named plot_*.py
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skrnn",),
    "parallel": 2,  # pages in two processes
    "thumbnail_size": (480, 320),
    "image_srcset": ["2x"],  # sharp at the width of the page
    "show_memory": False,
    "download_all_examples": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skrnn {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["skrnn.css"]
html_math_renderer = "mathml"  # formulas without a script from the network
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
}
html_sidebars = {
    page: []
    for page in ("benchmarks", "changelog", "glossary", "index", "install", "tutorial")
}


def write_inline_formula(translator, node):
    """Write a formula inside a sentence as MathML."""
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise SkipNode


def write_formula(translator, node):
    """Write a formula on a line of its own as MathML."""
    formula = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="math">{formula}</div>\n')
    raise SkipNode


def prepare_docstring(app, what, name, obj, options, lines):
    """Keep what Sphinx would read as links to pages that are not here."""
    for number, line in enumerate(lines):
        if re.match(r"\w+ : ", line):  # a shape such as (n_features_in_,)
            lines[number] = re.sub(r"(?<![`\w])(\w+_)(?=[,)])", r"`\1`", line)
    if (getattr(obj, "__module__", None) or "").startswith("sklearn"):
        for number, line in enumerate(lines):  # labels of scikit-learn's own manual
            lines[number] = re.sub(
                r":(?:ref|term):`([^`<]*?)(?: ?<[^`>]*>)?`", r"\1", line
            )


def add_group_headings(app, what, name, obj, options, lines):
    """Put the name of each group of parameters above the first one of it."""
    if what != "class" or not is_dataclass(obj):
        return
    for group, names in groups_of(obj).items():
        for place, line in enumerate(lines):
            if names and line.startswith(f"    **{names[0]}** :"):
                lines[place:place] = [f"    .. rubric:: {group.capitalize()}", ""]
                break


def setup(app):
    app.add_html_math_renderer(
        "mathml", (write_inline_formula, None), (write_formula, None)
    )
    # numpydoc parses docstrings at priority 500
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)
    app.connect("autodoc-process-docstring", add_group_headings, priority=600)
