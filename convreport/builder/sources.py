"""Where examples come from: any number of files, drawn scenes, or the pictures of the atlas itself."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

from convreport.core.base.files import digest
from convreport.core.pictures import samples, truth
from convreport.core.pictures.sample import Picture, Sample
from convreport.demo import scenes

READERS = min(8, os.cpu_count() or 1)  # threads that read pictures
ENDS = 1 << 16  # bytes of each end of a file that its digest rests on


class Files:
    """Picture files by their paths; what each shows is what a table says, or else the folder it lies in."""

    def __init__(self, paths: Sequence[Path], table: Mapping[str, str] | None) -> None:
        self.paths = paths
        self._table = table
        self.count = len(paths)
        folders = len({path.parent for path in paths})
        self._telling = table is not None or folders > 1  # one folder tells nothing of what a picture shows
        self.words = f"{self.count:,} files" + (f" in {folders} folders" if folders > 1 else "")
        with ThreadPoolExecutor(READERS) as pool:
            self._ends = list(pool.map(_ends, paths))
        self.digest = digest("files", self._ends, [self.said(number) for number in range(self.count)])

    def name(self, number: int) -> str:
        """The file's name without its ending."""
        return self.paths[number].stem

    def said(self, number: int) -> str:
        """What --truth says of it, or its folder where there are several."""
        return truth.of_file(self.paths[number], self._table) if self._telling else ""

    def picture(self, number: int) -> Picture:
        """Read from disk; ImageError with a reason."""
        return samples.load(self.paths[number])

    def here(self, number: int) -> bool:
        """Is the file that was meant in its place on this machine?"""
        return self._ends[number] == _ends(self.paths[number])

    def file(self, number: int) -> bytes:
        """The file as it is; empty where it is gone."""
        try:
            return self.paths[number].read_bytes()
        except OSError:
            return b""

    def brought(self, number: int, data: bytes) -> Picture:
        """Read from what was brought of it."""
        with tempfile.TemporaryDirectory(prefix="convreport-") as folder:
            file = Path(folder) / self.paths[number].name
            file.write_bytes(data)
            return samples.load(file)


class Scenes:
    """Drawn scenes of the demo, none of which its model was trained on."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.words = f"{count:,} generated scenes"
        self.digest = digest("scenes", scenes.EXAMPLES, count)

    def name(self, number: int) -> str:
        """Its class and number."""
        return f"{self.said(number)} {number}"

    def said(self, number: int) -> str:
        """The class of its object."""
        return scenes.CLASSES[number % len(scenes.CLASSES)]

    def picture(self, number: int) -> Picture:
        """Drawn anew, the same on every machine."""
        return self.shown(number, self.drawn(number))

    def drawn(self, number: int) -> scenes.Scene:
        """The scene itself."""
        return scenes.scene(number, seed=scenes.EXAMPLES)

    def shown(self, number: int, drawn: scenes.Scene) -> Picture:
        """A scene as a picture."""
        return Picture(self.name(number), drawn.pixels, mask=drawn.mask)


class Shown:
    """The pictures of the atlas themselves."""

    def __init__(self, shown: Sequence[Sample]) -> None:
        self._shown = shown
        self._telling = len({one.said for one in shown}) > 1  # as with folders
        self.paths = [one.path or one.name for one in shown]
        self.count = len(shown)
        self.words = f"the {self.count} picture{'s' if self.count != 1 else ''} of this atlas"
        self.digest = digest("shown", [(one.digest, one.name, one.said) for one in shown])

    def name(self, number: int) -> str:
        """As it is called in the atlas."""
        return self._shown[number].name

    def said(self, number: int) -> str:
        """What its user says it shows."""
        return self._shown[number].said if self._telling else ""

    def picture(self, number: int) -> Picture:
        """As it was read for the atlas."""
        one = self._shown[number]
        return Picture(one.name, one.pixels, one.planes, one.said, raw=one.raw)


Source = Files | Scenes | Shown


def _ends(path: Path) -> tuple[str, int, str]:
    """What a file's digest rests on: its name, size and both ends; reading ten thousand whole would take minutes."""
    try:
        size = path.stat().st_size
        state = blake2b(digest_size=16)
        with path.open("rb") as file:
            state.update(file.read(ENDS))
            if size > 2 * ENDS:
                file.seek(-ENDS, os.SEEK_END)
            state.update(file.read(ENDS))
    except OSError:  # it is told of when its turn comes
        return path.name, -1, ""
    return path.name, size, state.hexdigest()
