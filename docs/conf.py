"""How the documentation is built: `make docs`, or the test command, into build/docs.

Offline and without a warning: a link that leads nowhere or an example that is not true fails it.
"""

from replay import __version__

project = "doge-replay"
author = copyright = "doge-replay contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx_click", "sphinx.ext.doctest"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
exclude_patterns: list[str] = []
suppress_warnings = [
    "myst.xref_missing",  # links to files of the repository are paths
    "misc.highlighting_failure",  # blocks are what a terminal shows, not one language
]
highlight_language = "text"

html_theme = "furo"
html_title = f"doge-replay {__version__}"
html_show_sourcelink = False
html_show_sphinx = False
# Nothing is fetched from elsewhere by a page.
html_theme_options = {"footer_icons": []}
