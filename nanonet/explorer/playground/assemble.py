"""The playground as one HTML page: its style and its scripts, put where they belong.

The files beside this one are plain: no framework, no build. Those of the engine compute
and know nothing of a page, so that a test can run them by themselves.
"""

from pathlib import Path

FOLDER = Path(__file__).parent

#: What computes, from the ground up.
ENGINE = (
    *("algebra", "random", "network", "second_order", "options", "rules"),
    *("linesearch", "quasi_newton", "curvature", "inexact", "run"),
    *("data", "explain", "news", "settings", "address"),
)

#: What is seen.
PAGE = (
    *("theme", "draw", "diagram", "views", "landscape"),
    *("controls", "tables", "page", "main"),
)


def engine() -> str:
    """The scripts that compute, one after another."""
    return scripts(ENGINE)


def playground_page() -> str:
    """The whole page, which holds all it shows and loads nothing.

    >>> playground_page().count("<script")
    1
    """
    page = (FOLDER / "page.html").read_text("utf8")
    style = (FOLDER / "page.css").read_text("utf8")
    page = page.replace("/*STYLE*/", style)
    return page.replace("/*SCRIPT*/", scripts(ENGINE + PAGE))


def scripts(names: tuple[str, ...]) -> str:
    """These of the scripts, one after another."""
    return "\n".join((FOLDER / f"{name}.js").read_text("utf8") for name in names)
