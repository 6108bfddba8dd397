"""A library of voices on disk: clips, entries, consent, and the search for one of them.

    library = Library(Path("voices"))
    library.add(read_clip(path), {"name": "Old salt", "attributes": {"age": "old"}}, consent="self")
    for found in library.search("an old sailor, hoarse"): print(found.voice_id, found.score, found.why)
    path = library.clip_to_imitate(found.voice_id)   # refuses where nobody consented
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from antiphon.errors import InputError
from antiphon.voices.attributes import ATTRIBUTES
from antiphon.voices.clips import Clip, Clips
from antiphon.voices.consent import ConsentLog, ConsentRecord, now_utc
from antiphon.voices.entry import ID, VoiceEntry, clean
from antiphon.voices.index import ExactIndex
from antiphon.voices.search import MOST, Match, by_vector, by_words
from antiphon.voices.store import Filters

FIELDS = ("id", "name", "transcript", "description", "attributes", "speaker", "source")


@dataclass(frozen=True)
class Found:
    """A voice that answers a search."""

    voice_id: str
    name: str
    score: float
    why: tuple[str, ...]
    clip: Path
    transcript: str
    description: str
    consent: str  # the ground on which it may be imitated; "unknown", "expired" or "withdrawn" where it may not


@dataclass(frozen=True)
class Arrival:
    """A clip, what is said of it, and its vector, on the way into the library."""

    clip: Clip
    entry: VoiceEntry
    vector: np.ndarray


def default_folder() -> Path:
    """Where the library is if nobody says otherwise: $ANTIPHON_VOICES, or a folder among the user's data."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(os.environ.get("ANTIPHON_VOICES") or Path(data) / "antiphon" / "voices")


def described(clip: Clip, fields: Mapping[str, object]) -> VoiceEntry:
    """An entry from what somebody wrote of a clip. Raises InputError for an unknown field or a value of no use."""
    for name, value in fields.items():
        if name not in FIELDS:
            raise InputError(f"{name[:40]!r} is no field of a voice; there are {', '.join(FIELDS)}.")
        if name != "attributes" and not isinstance(value, str):
            raise InputError(f"the {name} of a voice is {str(value)[:40]!r}; give text.")
    text = {name: clean(str(fields.get(name, ""))) for name in FIELDS if name not in ("id", "attributes")}
    voice_id = str(fields.get("id") or f"v-{clip.hash[:16]}")
    attributes = _attributes(fields.get("attributes", {}))
    return VoiceEntry(voice_id=voice_id, clip=clip.hash, ending=clip.ending, attributes=attributes, **text)


class Library:
    """A folder of voices; any number of processes may have it open."""

    def __init__(self, folder: Path, net: str = "") -> None:
        """`net` names the speaker net that vectors come from; only writing vectors needs it."""
        self.folder = folder
        self.index = ExactIndex(folder, net)
        self.store, self.clips = self.index.store, Clips(folder)
        self.consents = ConsentLog(self.store)

    def add(self, arrivals: Sequence[Arrival], consent: str = "", statement: str = "", recorder: str = "") -> list[str]:
        """Put voices in, all or none; what is already there just so is left as it is. The ids that are new or changed.

        `consent` is the ground on which all of them may be imitated; it is written down once a clip.
        """
        hashes = {arrival.entry.clip for arrival in arrivals}
        records = [ConsentRecord(clip, consent, now_utc(), statement, recorder) for clip in sorted(hashes) if consent]
        there = self.store.entries([arrival.entry.voice_id for arrival in arrivals])
        new = [arrival for arrival in arrivals if there.get(arrival.entry.voice_id) != arrival.entry]
        for arrival in new:
            self.clips.put(arrival.clip)
        self.index.upsert([(arrival.entry, arrival.vector) for arrival in new])
        self.consents.append(*(r for r in records if self.consents.state(r.clip, r.time) != r.basis))
        return [arrival.entry.voice_id for arrival in new]

    def remove(self, voice_ids: Sequence[str]) -> None:
        """Take voices out: entry, words, vector and clip. What was said about consent stays. Raises InputError."""
        entries = [self.entry(voice_id) for voice_id in voice_ids]
        self.index.delete([entry.voice_id for entry in entries])
        for entry in entries:
            if not self.store.ids(clip=entry.clip):
                self.clips.remove(entry.clip, entry.ending)

    def entry(self, voice: str) -> VoiceEntry:
        """The entry of an id, or of a name that only one has. Raises InputError if there is none."""
        ids = [voice] if ID.fullmatch(voice) and self.store.entries([voice]) else self.store.ids(name=clean(voice))
        if len(ids) != 1:
            what = "no voice" if not ids else f"{len(ids)} voices"
            raise InputError(
                f"there is {what} called {voice[:64]!r} in {self.folder}; look with antiphon voices search."
            )
        return self.store.entries(ids)[ids[0]]

    def clip_path(self, entry: VoiceEntry) -> Path:
        """Where the clip of an entry lies."""
        return self.clips.path(entry.clip, entry.ending)

    def consent_state(self, entry: VoiceEntry) -> str:
        """The ground on which an entry may be imitated; "unknown", "expired" or "withdrawn" where it may not."""
        return self.consents.state(entry.clip, now_utc())

    def clip_to_imitate(self, voice: str) -> Path:
        """The clip to speak like. Raises InputError where no consent was recorded, or none that still holds."""
        entry = self.entry(voice)
        state = self.consent_state(entry)
        if state in ("unknown", "expired", "withdrawn"):
            raise InputError(
                f"the consent to imitate {entry.name!r} is {state}; record it with antiphon voices consent"
                f" {entry.voice_id}, or choose another voice."
            )
        return self.clip_path(entry)

    def consent(self, voice: str, basis: str, statement: str = "", recorder: str = "", expires: str = "") -> None:
        """Record that a voice may be imitated, or may no longer ("withdrawn")."""
        clip = self.entry(voice).clip
        self.consents.append(ConsentRecord(clip, basis, now_utc(), statement, recorder, expires=expires))

    def search(self, query: str = "", filters: Filters = (), k: int = 3) -> list[Found]:
        """Voices for words, attributes, or both: at most `k`, each of another speaker."""
        self._check_k(k)
        return self._found(by_words(self.index, self.store.entries, query, filters, k))

    def alike(self, vector: Float[np.ndarray, " d"], filters: Filters = (), k: int = 3) -> list[Found]:
        """The voices that sound most like a vector of the library's speaker net."""
        self._check_k(k)
        net, own = self.index.net, self.store.meta("net")
        if own is not None and net != own:
            raise InputError(f"the library has vectors of the speaker net {own}, not {net!r}; use its model.")
        return self._found(by_vector(self.index, self.store.entries, vector, filters, k))

    def verify(self) -> list[str]:
        """Whatever is broken: tables, vectors, clips, the chain of consent. Clips that nobody speaks of are no harm."""
        entries = self.store.entries(self.store.ids())
        clips = [(entry.clip, entry.ending) for entry in entries.values()]
        return [*self.index.verify(), *self.clips.problems(clips), *self.consents.problems()]

    def _check_k(self, k: int) -> None:
        if not 1 <= k <= MOST:
            raise InputError(f"{k} voices were asked for; ask for 1 to {MOST}.")

    def _found(self, matches: list[Match]) -> list[Found]:
        now = now_utc()
        return [
            Found(
                match.entry.voice_id,
                match.entry.name,
                match.score,
                match.why,
                self.clip_path(match.entry),
                match.entry.transcript,
                match.entry.description,
                self.consents.state(match.entry.clip, now),
            )
            for match in matches
        ]


def _attributes(given: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, Mapping):
        raise InputError(f"the attributes of a voice are {str(given)[:40]!r}; give names and values.")
    found = {}
    for name, values in given.items():
        listed = [values] if isinstance(values, str) else values
        if not isinstance(listed, list | tuple) or not all(isinstance(value, str) for value in listed):
            raise InputError(f"the {str(name)[:40]} of a voice is {str(values)[:40]!r}; give a word or several.")
        found[str(name)] = tuple(dict.fromkeys(listed))
    return {name: found[name] for name in sorted(found, key=lambda n: ATTRIBUTES.index(n) if n in ATTRIBUTES else 99)}
