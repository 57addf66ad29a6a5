"""Build the API reference in HTML from the docstrings, into the folder named.

The playground lies beside it, and what mentions ``nanonet play`` leads there. So do
the notes, page by page, to which every "page N" leads.

    python .ci/reference.py build/reference

Anything that pdoc warns of is an error.
"""

import html
import re
import sys
import warnings
from pathlib import Path

import markdown2
import pdoc
from pdoc import doc, docstrings

from nanonet.explorer.playground.assemble import playground_page

MODULES = ("nanonet", "nanonet.estimator")

# The docstrings are Google's in outline, with two of reST's habits that pdoc's Markdown
# lacks: blocks after a double colon, and tables ruled by equal signs.
LITERAL = re.compile(r"^( *)::\n", re.MULTILINE)
INTRODUCED = re.compile(r"(?<=\S)::$", re.MULTILINE)
TABLE = re.compile(r"^ *=+(?: +=+)+\n(?:.*\S.*\n?)*", re.MULTILINE)

PLAY = re.compile("<code>nanonet play</code>")
LINK = r'<a href="playground.html">\g<0></a>'

NOTES = Path(__file__).parents[1] / "notebooks" / "README.md"
MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
NOTEBOOK = re.compile(r"\[([^]]*)\]\([^)]*\.(?:ipynb|md)\)")
PAGE = re.compile(r"\b[Pp]ages? (\d+)\b")
TO_PAGE = r'<a href="{}notes.html#page-\1">\g<0></a>'

# MathJax is of the web, as pdoc's is; without it the formulas are LaTeX.
AROUND = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The notes, page by page</title>
<style>
body {{max-width: 48rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5}}
body {{font-family: system-ui, sans-serif}}
td, th {{padding: .2rem .6rem; text-align: left}}
pre, mjx-container {{overflow-x: auto; overflow-y: hidden}}
</style>
<script>MathJax = {{tex: {{inlineMath: [["$", "$"]]}}}}</script>
<script async src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-chtml.js"></script>
</head><body>{}</body></html>
"""

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


def members_of(self: doc.Class) -> list[doc.Doc]:
    """A class's own members, and those of a base of nanonet's, which has no page."""
    return [
        member
        for member in self.members.values()
        if member.taken_from[0].partition(".")[0] == "nanonet"
    ]


def notes_page() -> str:
    """The notes as a page, with the formulas left to MathJax."""
    formulas: list[str] = []

    def keep(formula: re.Match) -> str:
        formulas.append(html.escape(formula[0]))
        return f"@{len(formulas) - 1}@"

    text = NOTEBOOK.sub(r"\1", MATH.sub(keep, NOTES.read_text("utf8")))
    body = markdown2.markdown(text, extras=["tables", "fenced-code-blocks"])
    return AROUND.format(
        re.sub(r"@(\d+)@", lambda found: formulas[int(found[1])], body)
    )


def build(folder: Path) -> None:
    """Write one page for each module."""
    convert = docstrings.convert

    def convert_markdown(docstring, docformat, source_file):
        return convert(as_markdown(docstring), docformat, source_file)

    docstrings.convert = convert_markdown
    doc.Class.own_members = property(members_of)
    pdoc.render.configure(docformat="google", show_source=False)
    with warnings.catch_warnings(action="error", category=UserWarning):
        pdoc.pdoc(*MODULES, output_directory=folder)
    for page in folder.rglob("*.html"):
        up = "../" * (len(page.relative_to(folder).parts) - 1)
        text = PLAY.sub(LINK, with_short_names(page.read_text("utf8")))
        page.write_text(PAGE.sub(TO_PAGE.format(up), text), "utf8")
    (folder / "notes.html").write_text(notes_page(), "utf8")
    (folder / "playground.html").write_text(playground_page(), "utf8")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
