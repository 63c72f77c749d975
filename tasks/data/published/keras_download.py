"""A program of its own: has Keras download files into the cache that KERAS_HOME names; keras_cache runs it.

The arguments are the address of a mirror, or nothing (""), and what is wanted: of a mirror the files' places in the
cache, of Keras's own server the functions of `keras.datasets` that download. A reason for failure goes to standard
output, and nothing else does.
"""

import importlib
import socket
import sys
from contextlib import redirect_stdout
from pathlib import PurePosixPath

SILENCE_SECONDS = 30  # after which a server is given up: some networks swallow all and answer nothing


def download(mirror: str, wanted: list[str]) -> None:
    """Downloads what is wanted, and leaves the checking to whoever asked."""
    import keras

    for each in wanted:
        if mirror:
            place = PurePosixPath(each)
            keras.utils.get_file(place.name, f"{mirror.rstrip('/')}/{place.name}", cache_subdir=str(place.parent))
        else:
            module, function = each.split(":")
            getattr(importlib.import_module(f"keras.datasets.{module}"), function)()


if __name__ == "__main__":
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        with redirect_stdout(sys.stderr):  # Keras draws a bar
            download(sys.argv[1], sys.argv[2:])
    except Exception as error:  # Keras raises no narrower one
        print(f"{type(error).__name__}: {error}" if type(error) is not Exception else error)
        raise SystemExit(1) from error
