"""HDF5 files and .keras archives, looked into before anything of them is read.

All that a file holds must lie in it: HDF5 lets a data set be an external link, an external storage or a virtual data set, whose
bytes come from other files of this machine. And what it unpacks to must stay in proportion to its size.
"""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from convreport.core.base.errors import ModelError
from convreport.engines.keras.reading import trial

WEIGHTS = "model.weights.h5"  # of an archive
OURS = ("config.json", "metadata.json", WEIGHTS)  # of an archive, what is read
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
ROOM, TIMES = 256_000_000, 20  # bytes; what unpacks to more than both this and so many times its size is refused
ENCRYPTED = 0x1  # a flag of a member


def damaged(file: Path) -> ModelError:
    """What is said of a file that cannot be read."""
    return ModelError(f"{file.name} is not a Keras model, or is damaged.", "Give an intact .keras or .h5 file.")


@contextmanager
def archive(file: Path) -> Iterator[zipfile.ZipFile]:
    """A .keras archive whose members can be read, each once and in bounds; ModelError says which cannot, and why."""
    with faults_told(file), zipfile.ZipFile(file) as opened_:
        members = opened_.infolist()
        for member in members:
            name = member.filename
            if member.flag_bits & ENCRYPTED:
                raise ModelError(f"{file.name} is encrypted ({name}).", "Save it again without a password.")
            if member.compress_type not in PACKED:
                raise ModelError(
                    f"{name} in {file.name} is compressed with a method that Python does not know ({member.compress_type}).",
                    "Save it again with Keras.",
                )
            if name in OURS and sum(other.filename == name for other in members) > 1:
                raise ModelError(f"{file.name} holds {name} twice.", "Save it again with Keras.")
        _in_proportion(file, sum(member.file_size for member in members))
        yield opened_


@contextmanager
def opened(file: Path) -> Iterator[Any]:
    """The weights of a file as an HDF5 tree, out of the archive for a .keras file.

    ModelError for anything else, and for a tree that is not whole in itself.
    """
    import h5py

    with faults_told(file), ExitStack() as open_:
        if zipfile.is_zipfile(file):
            members = open_.enter_context(archive(file))
            _refuse_traps(file)
            tree = open_.enter_context(h5py.File(BytesIO(members.read(WEIGHTS)), "r"))
        else:
            _refuse_traps(file)
            tree = open_.enter_context(h5py.File(file, "r"))
        refuse_outside(tree, file)
        yield tree


def _refuse_traps(file: Path) -> None:
    if not trial.passes(file, _proportion(file)):
        raise damaged(file)


@contextmanager
def faults_told(file: Path) -> Iterator[None]:
    """Around reading a file that may be broken: for it Python's and HDF5's libraries have a dozen kinds of exceptions."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise damaged(file) from error


def refuse_outside(tree: Any, file: Path) -> int:
    """ModelError if anything of a tree lies outside its file, or nowhere; else how many numbers it holds.

    Only links and the layout of data sets are looked at: no data is read.
    """
    import h5py

    numbers = whole = 0
    waiting: list[tuple[str, Any]] = [("", tree)]
    seen = {_place(tree)}
    while waiting:
        path, group = waiting.pop()
        for name in group:
            here = f"{path}/{name}".lstrip("/")
            _refuse_link(group, name, here, file)
            inner = group[name]
            if _place(inner) in seen:  # two names of one thing, or a circle
                continue
            seen.add(_place(inner))
            if isinstance(inner, h5py.Group):
                waiting.append((here, inner))
            elif isinstance(inner, h5py.Dataset):
                layout = inner.id.get_create_plist()
                if layout.get_layout() == h5py.h5d.VIRTUAL:
                    raise _outside(file, here, "a virtual data set, made of other files")
                if layout.get_external_count():
                    raise _outside(file, here, f"stored in another file, {_text(layout.get_external(0)[0])}")
                numbers += inner.size or 0
                whole += (inner.size or 0) * inner.dtype.itemsize
    _in_proportion(file, whole)
    return numbers


def _refuse_link(group: Any, name: str, here: str, file: Path) -> None:
    """ModelError if a link leads out of the file or to nothing."""
    import h5py

    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise _outside(file, here, f"a link into another file, {link.filename}")
    if isinstance(link, h5py.SoftLink) and group.get(name) is None:
        raise ModelError(f"{here} in {file.name} is a link to {link.path}, which is not there.", "Save it again.")
    if not isinstance(link, h5py.HardLink | h5py.SoftLink):
        raise _outside(file, here, "a link of an unknown kind")


def _outside(file: Path, what: str, why: str) -> ModelError:
    return ModelError(
        f"{what} in {file.name} is {why}: nothing outside the model's file is read.",
        "If the file is yours, save the model whole with Keras; else do not trust it.",
    )


def _proportion(file: Path) -> int:
    """The bytes that a file may unpack to."""
    return max(ROOM, TIMES * file.stat().st_size)


def _in_proportion(file: Path, whole: int) -> None:
    if whole > _proportion(file):
        raise ModelError(
            f"{file.name} has {file.stat().st_size / 1e6:.1f} MB and would unpack to {whole / 1e6:,.0f} MB.",
            f"More than {ROOM / 1e6:g} MB and {TIMES} times its size is not unpacked. If the model is yours, save it again"
            " with Keras, which packs nothing.",
        )


def _place(one: Any) -> tuple[int, Any]:
    """What tells an object of a file from the others."""
    import h5py

    info = h5py.h5o.get_info(one.id)
    return info.fileno, info.addr


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
