"""Text that others wrote, made fit to be shown."""

from typing import Any


def page_of(renderable: Any, width: int = 120) -> str:
    """What `rich` prints, as text of so many columns."""
    from rich.console import Console

    console = Console(width=width, highlight=False)
    with console.capture() as page:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in page.get().splitlines())


def printable(text: str) -> str:
    r"""Replace what a terminal would obey, no page may hold, or turns text around.

    >>> printable("cost\x1b[2J, in\n€")
    'cost�[2J, in\n€'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
