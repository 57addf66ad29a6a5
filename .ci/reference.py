"""Build the API reference in HTML from the docstrings, into the folder named.

The playground lies beside it, and what mentions ``nanonet play`` leads there.

    python .ci/reference.py build/reference

Anything that pdoc warns of is an error.
"""

import re
import sys
import warnings
from pathlib import Path

import pdoc
from pdoc import docstrings

from nanonet.explorer.playground.assemble import playground_page

MODULES = ("nanonet", "nanonet.estimator")

# The docstrings are Google's in outline, with two of reST's habits that pdoc's Markdown
# lacks: blocks after a double colon, and tables ruled by equal signs.
LITERAL = re.compile(r"^( *)::\n", re.MULTILINE)
INTRODUCED = re.compile(r"(?<=\S)::$", re.MULTILINE)
TABLE = re.compile(r"^ *=+(?: +=+)+\n(?:.*\S.*\n?)*", re.MULTILINE)

PLAY = re.compile("<code>nanonet play</code>")
LINK = r'<a href="playground.html">\g<0></a>'

# Where jaxtyping and JAX keep what signatures name, as spelled in highlighted HTML.
LONG_NAMES = (
    ("jax", "jaxlib", "_jax"),
    ("jaxlib", "_jax"),
    ("jaxtyping",),
    ("optax", "_src", "base"),
    ("typing",),
)


def as_markdown(docstring: str) -> str:
    """Say with Markdown what a docstring says with reST."""
    docstring = TABLE.sub(
        lambda table: re.sub("^(?=.)", "    ", table[0], flags=re.MULTILINE), docstring
    )
    return INTRODUCED.sub(":", LITERAL.sub("", docstring))


def with_short_names(page: str) -> str:
    """Leave out of the signatures of a page where a type is at home."""
    for path in LONG_NAMES:
        dot = '<span class="o">.</span>'
        spelled = "".join(f'<span class="n">{name}</span>{dot}' for name in path)
        page = page.replace(spelled, "")
    return page


def build(folder: Path) -> None:
    """Write one page for each module."""
    convert = docstrings.convert

    def convert_markdown(docstring, docformat, source_file):
        return convert(as_markdown(docstring), docformat, source_file)

    docstrings.convert = convert_markdown
    pdoc.render.configure(docformat="google", show_source=False)
    with warnings.catch_warnings(action="error", category=UserWarning):
        pdoc.pdoc(*MODULES, output_directory=folder)
    for page in folder.rglob("*.html"):
        page.write_text(
            PLAY.sub(LINK, with_short_names(page.read_text("utf8"))), "utf8"
        )
    (folder / "playground.html").write_text(playground_page(), "utf8")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
