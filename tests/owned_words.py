"""What people call their columns, classes and units, as far as something takes it for a language of its own."""

from hypothesis import strategies

WORDS = (
    "$", "$$", "$x^2$", r"$\frac$", r"\$", "a_b_c", "_a_", "*a*", "~~a~~", "`", "```", "|", "\\|", "a|b", "&amp;",
    "<b>", "<!--", "[c]", "[/l]", "[red]", "[a](b)", ":smile:", "# a", "> a", "a\nb", "a\r\nb", "a\tb", "\0", "\x07",
    "\x1b[31m", "\x9b31m", "\N{RIGHT-TO-LEFT OVERRIDE}a", "\N{LINE SEPARATOR}", "a\N{NO-BREAK SPACE}b", "\N{FAMILY}",
    "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}", "\N{ARABIC LETTER BEH}\N{ZERO WIDTH NON-JOINER}", "好吃",
)  # fmt: skip
words = strategies.lists(strategies.sampled_from(WORDS) | strategies.text(max_size=4), min_size=1).map("".join)
