"""What kind of data a file or folder holds."""

from tasks.data.own import pictures, texts
from tasks.data.own.archives import read_arrays
from tasks.data.own.folders import class_files, files_below
from tasks.inspection.asked import Asked
from tasks.inspection.look import Look
from tasks.inspection.pictures import look_at_pictures
from tasks.inspection.sequences import look_at_series
from tasks.inspection.tables import look_at_table_file
from tasks.inspection.texts import look_at_text_file, look_at_text_folder
from tasks.specs import BakeoffError


def look_at(asked: Asked) -> Look:
    """Finds out what kind of data it is, and looks at it.

    Raises:
        BakeoffError: when it cannot be read, or nothing can be learned from it.
    """
    if asked.is_folder:
        return _look_at_folder(asked)
    if asked.path.suffix.lower() == ".npz":
        _refuse_columns(asked, "a .npz file has the arrays X and y, and no columns")
        return look_at_pictures(asked) if _are_pictures(asked) else look_at_series(asked)
    if asked.id is not None:
        return look_at_series(asked)
    return look_at_text_file(asked) if asked.text is not None else look_at_table_file(asked)


def _look_at_folder(asked: Asked) -> Look:
    _refuse_columns(asked, f"{asked.path} is a folder, whose sub-folders are the classes")
    of_pictures, of_texts = (files_below(asked.path, each.SUFFIXES) for each in (pictures, texts))
    if of_pictures and of_texts:
        raise BakeoffError(
            f"{asked.path} has images, such as {of_pictures[0].name}, and texts, such as {of_texts[0].name}; keep one"
            " kind in the folder"
        )
    if of_pictures:
        return look_at_pictures(asked)
    if of_texts:
        found = class_files(asked.path, texts.SUFFIXES, "texts")
        return look_at_text_folder(asked, len(set(found.labels.tolist())), len(found.files), found.held_out is not None)
    suffixes = ", ".join([*pictures.SUFFIXES, *texts.SUFFIXES])
    raise BakeoffError(f"{asked.path} has neither images nor texts ({suffixes}); a table is one file")


def _are_pictures(asked: Asked) -> bool:
    """Bytes are pictures, and numbers with more axes than time and values; what else has three axes are series."""
    X, _ = read_arrays(asked.path)
    return X.ndim == 4 or (X.ndim == 3 and X.dtype.kind == "u")


def _refuse_columns(asked: Asked, why: str) -> None:
    given = {"target": asked.target, "text": asked.text, "id": asked.id, "time": asked.time, "group": asked.group}
    options = [f"--{option}" for option, value in given.items() if value is not None]
    options += ["--column"] if asked.columns else []
    if options:
        raise BakeoffError(f"{why}; leave {', '.join(options)} out")
