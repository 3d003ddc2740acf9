"""How Sphinx builds the documentation: `nox -s docs`."""

import sys
from pathlib import Path
from typing import Final

from reflekt_core.services.health import installed_version

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "Reflekt"
author = "The Reflekt developers"
copyright = author  # noqa: A001 - Sphinx's name for it
version = release = installed_version()

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "docstrings",
    "operations",
    "outside",
    "unreleased",
]
exclude_patterns = ["changelog.d"]
nitpicky = True

# --- Markdown

myst_heading_anchors = 4

# --- Python

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
python_use_unqualified_type_names = True

# What stands between single backticks in a docstring is code; if it names something that has a place
# in the reference, it leads there.
default_role = "py:obj"

# Other projects' types: their documentation is not looked up, as that needs the network.
PYTHON: Final = "abc|collections|datetime|decimal|enum|pathlib|socket|threading|types|typing|uuid"
PACKAGES: Final = "attrs?|chalice|httpx2|matplotlib|pandas"

nitpick_ignore_regex = [
    ("py:obj", r".*"),  # see above: code need not name anything
    ("py:class", rf"({PYTHON}|{PACKAGES})\..*"),
    ("py:class", r"WSGIApplication"),  # known to type checkers alone
    ("py:class", r"(.*\.)?([A-Z]|_\w+)"),  # type variables, and what is not public
]

# --- Look

html_theme = "furo"
html_title = "Reflekt"
html_static_path = ["_static"]
html_favicon = "_static/logo.svg"
html_css_files = ["reflekt.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "light_logo": "logo.svg",
    "dark_logo": "logo.svg",
    "light_css_variables": {
        "color-brand-primary": "#14608f",
        "color-brand-content": "#14608f",
        "color-brand-visited": "#5b4a9e",
        "color-api-name": "#14608f",
        "color-api-pre-name": "#14608f",
    },
    "dark_css_variables": {
        "color-brand-primary": "#6db8ea",
        "color-brand-content": "#6db8ea",
        "color-brand-visited": "#b3a4ea",
        "color-api-name": "#6db8ea",
        "color-api-pre-name": "#6db8ea",
    },
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_remove_prompts = True
copybutton_exclude = ".linenos, .gp, .go"
