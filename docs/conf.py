"""How Sphinx builds these pages."""

import sklrnn

project = "sklrnn"
author = "The sklrnn developers"
copyright = "The sklrnn developers"
version = release = sklrnn.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

numpydoc_show_class_members = False  # api.md lists those that a user calls
autosummary_generate = False  # and no page of its own is made for each

html_theme = "furo"
html_title = f"sklrnn {release}"
