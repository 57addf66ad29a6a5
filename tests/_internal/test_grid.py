import html.parser

from nanonet._internal.grid import Grid

GRID = Grid(("rule", "J"), [["<a & [red]b>", "1"], ["c", "20"]], words={"rule"})


class Cells(html.parser.HTMLParser):
    """The text of the cells of a page, and how they are aligned."""

    def __init__(self):
        super().__init__()
        self.cells = []

    def handle_starttag(self, tag, attrs):
        if tag in ("td", "th"):
            self.cells.append([dict(attrs)["style"], ""])

    def handle_data(self, data):
        self.cells[-1][1] += data


def test_words_are_shown_as_they_are_and_numbers_stand_to_the_right():
    lines = [line for line in str(GRID).splitlines() if line]
    assert [line.split() for line in lines[2:]] == [
        ["<a", "&", "[red]b>", "1"],
        ["c", "20"],
    ]
    assert len({len(line) for line in lines[2:]}) == 1
    page = Cells()
    page.feed(GRID._repr_html_())
    left, right = "text-align: left", "text-align: right"
    assert page.cells == [
        [left, "rule"], [right, "J"],
        [left, "<a & [red]b>"], [right, "1"],
        [left, "c"], [right, "20"],
    ]  # fmt: skip


def test_what_a_terminal_obeys_is_not_printed():
    grid = Grid(("na\x1bme", "J"), [["\x1b[2J", "1"]], words={"na\x1bme"})
    for shown in (str(grid), grid._repr_html_()):
        assert "\x1b" not in shown
        assert "\ufffd[2J" in shown
