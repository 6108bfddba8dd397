"""May this voice be imitated? The door through which every recording of a voice has to come.

    speak_as("sailor.wav")                     refused, unless somebody agreed
    speak_as("sailor.wav", consent="self")     on record from now on, for this very file
    speak_as("v-8290343d8c2a38f5")             a voice of the library, which has records of its own

Records are kept in the library of voices (`consent.py`) by the hash of the file, so they are given once and hold
wherever the file goes. Clips that ship with the package are named here.
"""

from collections.abc import Mapping
from pathlib import Path

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.voices.clips import read_clip
from antiphon.voices.consent import BASES, ConsentLog, ConsentRecord, now_utc
from antiphon.voices.library import Library, default_folder
from antiphon.voices.store import FILE, Store

SHIPPED: Mapping[str, str] = {  # clips of this package, and whose voice they are
    "8290343d8c2a38f51b3bc9059d02d7e7938850eaa63dd925e8077b9700f55acc": "nano's, made of festival-slt (THIRD_PARTY.md)",
}
NO_GROUNDS = ("unknown", "expired", "withdrawn")
GROUNDS = tuple(basis for basis in BASES if basis != "withdrawn")


def speak_as(voice: str | Path, consent: str = "", folder: Path | None = None) -> Audio:
    """The recording to speak like: a file, or else a voice of the library by id or name.

    `consent` is the ground on which it may be imitated, written down where it is not yet; `folder` is the library's.
    Raises InputError for a voice that is not found or no recording, and where nobody agreed that it be imitated.
    """
    place = default_folder() if folder is None else folder
    path = Path(voice)
    if not path.exists() and (place / FILE).exists() and len(path.parts) == 1:
        return from_library(str(voice), consent, place)
    clip = read_clip(path)
    if clip.hash not in SHIPPED:
        _check(clip.hash, path.name, consent, place)
    return clip.sound


def from_library(voice: str, consent: str = "", folder: Path | None = None) -> Audio:
    """The clip of a voice of the library that may be imitated. Raises InputError."""
    library = Library(default_folder() if folder is None else folder)
    try:
        if consent and library.consent_state(library.entry(voice)) in NO_GROUNDS:
            library.consent(voice, _ground(consent), recorder="--consent")
        return Audio.read(library.clip_to_imitate(voice))
    finally:
        library.store.close()


def _check(clip: str, name: str, consent: str, place: Path) -> None:
    """That the clip may be imitated, on record."""
    if not consent and not (place / FILE).exists():
        raise _nobody_agreed(name, "unknown")
    store = Store(place)
    try:
        log = ConsentLog(store)
        state = log.state(clip, now_utc())
        if state not in NO_GROUNDS:
            return
        if not consent or state == "withdrawn":
            raise _nobody_agreed(name, state)
        log.append(ConsentRecord(clip, _ground(consent), now_utc(), recorder="--consent"))
    finally:
        store.close()


def _ground(consent: str) -> str:
    if consent not in GROUNDS:
        raise InputError(f"{consent[:40]!r} is no ground for consent; there are {', '.join(GROUNDS)}.")
    return consent


def _nobody_agreed(name: str, state: str) -> InputError:
    if state == "withdrawn":
        return InputError(f"the consent to imitate {name!r} is withdrawn; choose another voice.")
    grounds = ", ".join(GROUNDS)
    return InputError(
        f"the consent to imitate {name!r} is {state}; if you have it, say on which ground, --consent {grounds}:"
        " it is written down once."
    )
