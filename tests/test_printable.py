"""A user's words, as a terminal and a page in Markdown show them."""

from unicodedata import category

from hypothesis import given
from markdown_it import MarkdownIt

from tasks.printable import JOINERS, printable, printable_lines
from tasks.reporting.wording import Table, page_of
from tests.owned_words import WORDS, words

SIGNS = [*map(chr, range(0x600)), *WORDS]
REPLACED = "\N{REPLACEMENT CHARACTER}"
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def cells_of(page: str) -> list[str]:
    """The texts in the tables of a page, as they are read."""
    tokens = [token for token in MARKDOWN.parse(page) if token.type == "inline"]
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "text_special"}  # no emphasis, no link, no HTML
    return ["".join(child.content for child in token.children or []) for token in tokens]


def test_every_sign_is_shown_but_those_that_steer_or_stand_for_nothing() -> None:
    signs = [*map(chr, range(2**16))]
    replaced = {sign for sign in signs if printable(sign) != sign}
    categories = {category(sign) for sign in replaced}
    assert categories == {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
    assert {sign for sign in signs if category(sign) in categories} - replaced == {*JOINERS}
    assert printable("".join(replaced)) == REPLACED * len(replaced)
    assert printable_lines("a\nb\r") == f"a\nb{REPLACED}"


def test_a_table_in_markdown_shows_every_sign_in_a_cell_of_its_own() -> None:
    table = Table("", ["name", "n"], [(f"x{sign}x", "1") for sign in SIGNS], "ll")
    assert cells_of("\n".join(table.markdown())) == [
        "name",
        "n",
        *(s for x in SIGNS for s in (f"x{printable(x)}x", "1")),
    ]


@given(words)
def test_a_page_in_markdown_shows_words_as_they_are(name: str) -> None:
    word, shown = f"x{name}x", printable(f"x{name}x")
    page = page_of(word, [word], "", [Table(word, ["a", word], [(word, word)] * 2, "ll")])
    assert cells_of(page) == [shown, shown, f"{shown}.", "a", *[shown] * 5]
