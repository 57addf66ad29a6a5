"""Numbers and texts as C99 writes them."""

import numpy as np
from jaxtyping import Float

from nanonet.model.export.layers import listing

#: What C99 promises a compiler can hold in one string, in bytes.
LONGEST_STRING = 4095


def array(name: str, rows: Float[np.ndarray, "members n"]) -> str:
    """Constants, a row for each member; of an infinite one, what math.h calls it."""
    listed = ",\n".join(listing(row, indent=4, around="{}") for row in rows)
    listed = listed.replace("inf", "INFINITY")
    return f"static const double {name}[MEMBERS][{rows.shape[1]}] = {{\n{listed}\n}};"


def comment(text: str) -> str:
    """Quote a text so that it can neither end a comment nor open one."""
    return repr(text).replace("*", r"\x2a")


def string(text: str) -> str:
    r"""Quote a text as a string of C: plain ASCII as it is, all else in octal.

    >>> print(string('é "??/'))
    "\303\251 \042\077\077/"
    """
    content = text.encode("utf8", "backslashreplace")
    if len(content) > LONGEST_STRING:
        raise ValueError(
            f"model: a class has a name of {len(content):,} bytes; C99 allows "
            f"{LONGEST_STRING:,}."
        )
    plain = set(range(32, 127)) - set(b'"\\?')
    characters = (chr(b) if b in plain else rf"\{b:03o}" for b in content)
    return '"' + "".join(characters) + '"'
