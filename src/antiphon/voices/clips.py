"""The recordings of a library: files named by their own SHA-256, written once and never changed.

A clip is in its place, whole, before any entry speaks of it; a writer that is killed leaves at most a file that nobody
speaks of, which `orphans` finds.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.errors import InputError

if TYPE_CHECKING:
    from antiphon.audio.wave import Audio

FOLDER = "clips"
SHORTEST_S, LONGEST_S = 0.5, 15.0  # what a voice can be taken from
LARGEST = 8 << 20  # bytes of a file
ENDINGS = {"WAV": ".wav", "WAVEX": ".wav", "FLAC": ".flac", "OGG": ".ogg", "MP3": ".mp3"}


@dataclass(frozen=True)
class Clip:
    """A recording that was read and found fit to be kept."""

    data: bytes
    hash: str
    ending: str
    sound: "Audio"


def read_clip(path: Path) -> Clip:
    """Read and check a recording. Raises InputError for what is no clip of a voice: no sound, too long, too large."""
    from antiphon.audio.wave import Audio

    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} could not be opened ({error}); check the path.") from error
    if len(data) > LARGEST:
        raise InputError(f"{path} is larger than the {LARGEST >> 20} MiB that a clip may have; cut it.")
    sound = Audio.read(data, max_s=LONGEST_S)
    if sound.duration_s < SHORTEST_S:
        raise InputError(f"{path} is {sound.duration_s:.2f} s long; give {SHORTEST_S:g} to {LONGEST_S:g} s of a voice.")
    if not float(sound.samples.abs().amax()) > 1e-4:
        raise InputError(f"{path} is silent; give a recording of a voice.")
    return Clip(data, hashlib.sha256(data).hexdigest(), _ending(data, path), sound)


def _ending(data: bytes, path: Path) -> str:
    import soundfile

    kind = soundfile.info(io.BytesIO(data)).format  # by its bytes, whatever it is called
    if kind not in ENDINGS:
        raise InputError(f"{path} is {kind}; give WAV, FLAC, OGG or MP3.")
    return ENDINGS[kind]


class Clips:
    """The folder of a library's recordings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def path(self, clip: str, ending: str) -> Path:
        """Where a clip lies or would lie."""
        return self._folder / clip[:2] / f"{clip}{ending}"

    def put(self, clip: Clip) -> None:
        """Keep a clip; one that is there stays as it is. Raises InputError if the disk does not take it."""
        path = self.path(clip.hash, clip.ending)
        if path.exists():
            return
        part = path.with_name(f"{clip.hash}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(part, "wb") as file:
                file.write(clip.data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise InputError(f"{path} cannot be written ({error}); make room.") from error

    def remove(self, clip: str, ending: str) -> None:
        """Remove a clip, if it is there."""
        self.path(clip, ending).unlink(missing_ok=True)

    def problems(self, known: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Clips that entries speak of and that are missing or changed."""
        for clip, ending in known:
            path = self.path(clip, ending)
            try:
                is_whole = hashlib.sha256(path.read_bytes()).hexdigest() == clip
            except OSError:
                is_whole = False
            if not is_whole:
                yield f"the clip {path.name} is missing or changed"

    def orphans(self, known: Iterable[tuple[str, str]]) -> list[Path]:
        """Files that no entry speaks of; another process may be about to."""
        wanted = {self.path(*clip) for clip in known}
        return sorted(path for path in self._folder.glob("??/*") if path not in wanted)
