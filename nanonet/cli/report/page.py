"""An HTML page that holds all it shows: it loads nothing, and runs one script only."""

import base64
import hashlib
from pathlib import Path

STYLE = (Path(__file__).parent / "page.css").read_text("utf8")

# `default-src 'none'`: the page can load nothing, whatever is in it, and run nothing
# but the script of that hash.
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'{runs}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
{script}</body>
</html>
"""


def page(title: str, body: str, script: str = "") -> str:
    """The whole page; ``title`` and ``body`` are HTML, ``script`` is JavaScript."""
    runs = ""
    if script:
        digest = hashlib.sha256(script.encode()).digest()
        runs = f"; script-src 'sha256-{base64.b64encode(digest).decode()}'"
        script = f"<script>{script}</script>\n"
    return PAGE.format(title=title, style=STYLE, body=body, script=script, runs=runs)
