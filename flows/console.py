"""Where all that people read is printed."""

from typing import Any

from rich.console import Console
from rich.text import Text

from tasks.printable import printable_lines


class PlainConsole(Console):
    """Prints texts as they are, also inside tables: a user's words are no markup, and no commands to a terminal."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Take every text that is printed."""
        return super().render_str(printable_lines(text), **settings)
