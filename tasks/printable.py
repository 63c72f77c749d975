"""A user's words as they are shown: as they are written, in whatever language a terminal or a page would take them for.

Pictures see to it as they are saved (`save` in tasks/reporting/wording.py).
"""

import re
import unicodedata

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # of letters, in Persian and in Hindi, and of emoji
# What Markdown reads: an underscore inside a word is none of it.
MARKDOWN = re.compile(r"[\\`*\[\]<|~&]|(?<![^\W_])_|_(?![^\W_])")


def printable(text: str) -> str:
    """Return a text on one line, with a sign in place of each that would steer a terminal or end the line."""
    return "".join(sign if _is_shown(sign) else "\N{REPLACEMENT CHARACTER}" for sign in text)


def printable_lines(text: str) -> str:
    """Return a text as `printable` does, line by line."""
    return "\n".join(map(printable, text.split("\n")))


def in_markdown(text: str) -> str:
    """Return a text on one line that Markdown shows as it is, in a cell of a table as well."""
    return MARKDOWN.sub(r"\\\g<0>", printable(text))


def _is_shown(sign: str) -> bool:
    """Whether a sign stands for itself; spaces that do not break, or are wider, do so as well."""
    return sign.isprintable() or sign in JOINERS or unicodedata.category(sign) == "Zs"
