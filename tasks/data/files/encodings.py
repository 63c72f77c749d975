"""In which encoding a file of text is: by the mark at its beginning, as UTF-8, or as its letters tell."""

import codecs
import logging
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

CHUNK = 2**24  # letters that are read at once
# Marks at a file's beginning, the longer ones first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "cp1252"  # Windows' own; what it and another encoding read alike is said to be in it
# Among which what is no UTF-8 is told by its letters; others must be named.
LEGACY = [
    WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "gb18030", "big5", "cp932", "euc_jp",
    "euc_kr",
]  # fmt: skip
TELLING = 2**18  # bytes of lines with letters that are not ASCII, by which the encoding is told
MOSTLY = 3  # times as many letters in UTF-8 as bytes that are not, and it is UTF-8 with faults in it
FEW = 4  # letters that are not ASCII, with less of which nothing can be told
AGAIN = 8  # times that words are shown to the detector, which is unsure of few
LIKELY = 0.1  # how much less like a language Western letters may look than others, and still be preferred


def encoding_of(path: Path, named: str | None = None) -> str:
    """Return the encoding: the one that is named, or else told by the mark at the file's beginning, or by its bytes.

    Raises:
        ValueError: when its bytes are not of the one that is named, or of none, or of UTF-8 but for a few.
    """
    with path.open("rb") as stream:
        beginning = stream.read(4)
    marked = [encoding for mark, encoding in MARKS if beginning.startswith(mark)]
    if named and named.replace("_", "-").lower() in ("utf-8", "utf8"):
        named = "utf-8-sig" if marked[:1] == ["utf-8-sig"] else "utf-8"
    encoding = named or next(iter(marked), "utf-8")
    try:
        _decode(path, encoding)
    except UnicodeDecodeError as error:
        if named or marked:
            raise ValueError(f"its bytes are no text in {encoding}; save it as UTF-8, or name its encoding") from error
        encoding = _detected(path)
        logger.info("%s is no UTF-8, and is read as %s, by its letters", path, encoding)
    except LookupError as error:
        raise ValueError(f"there is no encoding {encoding}; Python's names are meant, such as cp1251") from error
    return encoding


def _decode(path: Path, encoding: str) -> None:
    with path.open(encoding=encoding) as stream:
        while text := stream.read(CHUNK):
            if "\0" in text:
                raise ValueError("it holds bytes that are no text")


def _detected(path: Path) -> str:
    """The encoding of a file that is no UTF-8, told by those of its lines that are not ASCII.

    Raises:
        ValueError: when there is none, or all but a few bytes are UTF-8.
    """
    from charset_normalizer import from_bytes

    lines = path.read_bytes().split(b"\n")
    telling = b"\n".join(line for line in lines if not line.isascii())[:TELLING]
    signs = Counter(sign for sign in telling.decode("utf-8", "replace") if not sign.isascii())
    if signs.total() > MOSTLY * signs["\N{REPLACEMENT CHARACTER}"]:
        raise ValueError(
            f"{_first_strange(lines)} is no UTF-8, as the rest of the file is; mend that line, or name the encoding"
            " (--encoding cp1252)"
        )
    words = dict.fromkeys(re.sub(rb"[\x00-\x3f]+", b" ", telling).split())  # no letter's second byte is below 0x40
    sample = b" ".join(words) * AGAIN
    found: list[Any] = [*from_bytes(sample, cp_isolation=LEGACY, threshold=0.5)]
    found.sort(key=lambda match: (match.chaos, -match.coherence))
    western, western_text = [m for m in found if m.encoding == WESTERN], sample.decode(WESTERN, "replace")
    alike = not found or str(found[0]) == western_text
    letters = sum(sign.isalpha() for sign in western_text if not sign.isascii()) // AGAIN
    likely = western and western[0].chaos <= found[0].chaos and western[0].coherence >= found[0].coherence - LIKELY
    fitting = [str(match.encoding) for match in found]
    for encoding in [WESTERN, *fitting] if alike or letters < FEW or likely else [*fitting, WESTERN]:
        with suppress(UnicodeDecodeError):
            _decode(path, encoding)
            return encoding
    raise ValueError("its bytes are no text in UTF-8 or another usual encoding; save it as UTF-8, or name its encoding")


def _first_strange(lines: Sequence[bytes]) -> str:
    for number, line in enumerate(lines, start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return f"byte {line[error.start]:#04x} in line {number}"
    return "a line's end"
