"""Whom a server speaks as: the model's own voice and, where a library is named, those of it that may be imitated.

A name that is nobody's means the model's own voice, as it does for clients who bring OpenAI's names along.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.runtime.model import Model
from antiphon.server.protocol.audio_http import VoiceCard, VoiceList
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal
from antiphon.voices.attributes import parse
from antiphon.voices.clips import read_clip
from antiphon.voices.library import Arrival, Library, described
from antiphon.voices.permission import GROUNDS, NO_GROUNDS
from antiphon.voices.speaker import Ears
from antiphon.voices.store import FILE

OWN = "default"
MOST_LISTED = 1000
CONSENT_MISSING = "consent_missing"


@dataclass
class Cast:
    """Whom the server can speak as. `folder` None: nobody but the model itself."""

    model: Model
    folder: Path | None = None

    @property
    def may_change(self) -> bool:
        """Whether there is any choice."""
        return self.folder is not None

    def find(self, name: str, seed: int = 0) -> Audio | None:
        """The recording of a voice, opened already for `seed` so that it speaks at once; None: the model's own.

        Raises:
            Refusal: nobody agreed that this voice be imitated.
        """
        if self.folder is None or name == OWN or not (self.folder / FILE).exists():
            return None
        with self._library() as library:
            try:
                entry = library.entry(name)
            except InputError:
                return None
            try:
                clip = Audio.read(library.clip_to_imitate(entry.voice_id))
            except InputError as error:
                raise Refusal(str(error), code=CONSENT_MISSING, param="voice", status=403) from None
        if self.model.speaks:
            self.model.opened(clip, seed)
        return clip

    def cards(self) -> VoiceList:
        """The voices that may be asked for."""
        cards = [VoiceCard(id=OWN, name=OWN)]
        if self.folder is not None and (self.folder / FILE).exists():
            with self._library() as library:
                entries = library.store.entries(library.store.ids()[-MOST_LISTED:]).values()
                may = [entry for entry in entries if library.consent_state(entry) not in NO_GROUNDS]
                cards += [VoiceCard(id=entry.voice_id, name=entry.name) for entry in may]
        return VoiceList(data=tuple(cards), voices=tuple(card.name for card in cards))

    def add(self, recording: bytes, fields: dict[str, str], recorder: str) -> VoiceCard:
        """Take a voice into the library. Raises Refusal without a consent, InputError for what is no voice."""
        if self.folder is None:
            what = "This server keeps no voices; whoever runs it can name a library, antiphon serve --voices."
            raise Refusal(what, code=INVALID_VALUE, status=403)
        if fields.get("consent") not in GROUNDS:
            what = f"A voice is taken in with a consent only; send the field consent, one of {', '.join(GROUNDS)}."
            raise Refusal(what, code=CONSENT_MISSING, param="consent", status=403)
        with tempfile.NamedTemporaryFile(suffix=".sound") as file:
            file.write(recording)
            file.flush()
            clip = read_clip(Path(file.name))
        description = fields.get("description", "")
        attributes: dict[str, list[str]] = {}
        for key, value in parse(description).filters:
            attributes.setdefault(key, []).append(value)
        said = {"name": fields.get("name") or clip.hash[:16], "description": description, "attributes": attributes}
        entry = described(clip, said)
        ears = Ears(self.model.parts.folder)
        with self._library(ears.net) as library:
            statement = fields.get("statement", "")
            library.add([Arrival(clip, entry, ears(clip.sound))], fields["consent"], statement, recorder)
        return VoiceCard(id=entry.voice_id, name=entry.name)

    @contextmanager
    def _library(self, net: str = "") -> Iterator[Library]:
        assert self.folder is not None
        library = Library(self.folder, net)
        try:
            yield library
        finally:
            library.store.close()
