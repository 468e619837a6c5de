# SPDX-License-Identifier: GPL-2.0-only
"""How Sphinx makes HTML of the documentation (make doc)."""

# pylint: disable=invalid-name,redefined-builtin

import pathlib

from docutils import nodes

TOP = pathlib.Path(__file__).resolve().parent.parent

project = "dmsnap"
author = "the dmsnap authors"
copyright = "2026 the dmsnap authors; GPL-2.0-only"
version = release = (TOP / "VERSION").read_text(encoding="utf-8").strip()

extensions = ["myst_parser"]
root_doc = "index"
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
# In figures and tables -- is an option of a command
smartquotes = False

html_theme = "alabaster"
html_theme_options = {"description": "device-mapper snapshots", "page_width": "75em", "sidebar_width": "17em"}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_copy_source = False
html_show_sphinx = False


def link_documents(_app, doctree, _name):
    """Links to other documents are by file, so that they work in the source too."""
    for reference in doctree.findall(nodes.reference):
        uri = reference.get("refuri", "")
        if uri.endswith(".rst") and "://" not in uri:
            reference["refuri"] = uri.removesuffix(".rst") + ".html"


def setup(app):
    app.connect("doctree-resolved", link_documents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
