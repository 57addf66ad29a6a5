"""Text that others wrote, made fit to be shown."""


def printable(text: str) -> str:
    r"""Replace what a terminal would obey, no page may hold, or turns text around.

    >>> printable("cost\x1b[2J, in\n€")
    'cost�[2J, in\n€'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
