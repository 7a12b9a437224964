"""Sphinx reads the documents where they lie, so that every link leads to the same place here and in the repository.

`make docs` builds the site; a link or an anchor that leads nowhere is a warning, and a warning ends the build.
"""

import bun_sandbox_kernel

project = "Bun (Sandboxed)"
author = "The bun-sandbox-kernel authors"
copyright = f"2026, {author}"
release = bun_sandbox_kernel.__version__

extensions = ["myst_parser"]
include_patterns = ["**.md"]
exclude_patterns = [".*", "**/node_modules", "build", "dist"]
root_doc = "docs/index"
nitpicky = True
highlight_language = "none"
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = project
html_logo = "../kernelspec/logo-svg.svg"
html_favicon = html_logo
html_copy_source = False
html_use_index = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["index.html"]
