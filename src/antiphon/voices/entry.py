"""An entry of the library, and what none may be: every field is checked before it is stored anywhere.

What is written about a voice came from somebody, so it is data: a name is a label and never part of a path, nothing
that turns text round or that a model reads as a command is let in, and a description that claims everything is refused,
since it would answer every question. The file of a clip is named by its SHA-256.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from antiphon.errors import InputError
from antiphon.voices.attributes import ATTRIBUTES, SINGLE, parse

ID = re.compile(r"[a-z0-9_-]{1,64}")
HASH = re.compile(r"[0-9a-f]{64}")
VALUE = re.compile(r"[a-z][a-z-]{0,31}")
ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
LONGEST = {"name": 80, "speaker": 80, "source": 200, "description": 600, "transcript": 1000}  # characters
COMMAND = re.compile(r"<\|.*?\|>|</?tool_call>|<audio_\d+>|<(?:BOT|EOT|think|/think)\b", re.I)
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control, format (bidi marks, zero widths), surrogates, no letters
MOST_OF_A_WORD = 8  # times that a description may say one word


@dataclass(frozen=True)
class VoiceEntry:
    """A voice as it is kept: what it is called, where its clip is, what is said in it, and how it sounds."""

    voice_id: str
    name: str
    clip: str  # SHA-256 of the clip's file
    ending: str = ".wav"
    transcript: str = ""
    description: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    speaker: str = ""  # whose voice; several entries of one speaker are one result. Empty: nobody else's
    source: str = ""

    def __post_init__(self) -> None:
        """Raises InputError for a field that is not fit to be kept."""
        _matches(self.voice_id, ID, "an id", "use 1 to 64 of a-z, 0-9, _ and -")
        _matches(self.clip, HASH, "the hash of a clip", "give 64 hexadecimal digits")
        if self.ending not in ENDINGS:
            raise InputError(f"a clip ends in {self.ending[:20]!r}; use one of {', '.join(ENDINGS)}.")
        for name, longest in LONGEST.items():
            _check_text(name, getattr(self, name), longest)
        if not self.name.strip():
            raise InputError("a voice has no name; give it one.")
        if re.search(r"[/\\]", self.name):
            raise InputError(f"the name {self.name[:40]!r} holds a slash; a name is a label, write it without.")
        _check_attributes(self.attributes)
        _check_claims(self.description, self.attributes)

    @property
    def whose(self) -> str:
        """What entries of one speaker have in common."""
        return self.speaker or f"id:{self.voice_id}"

    @property
    def tags(self) -> list[tuple[str, str]]:
        """The attributes as pairs."""
        return [(name, value) for name in ATTRIBUTES for value in self.attributes.get(name, ())]

    def to_json(self) -> str:
        """The entry as one line; `from_json` undoes it."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "VoiceEntry":
        """An entry from its line."""
        fields = json.loads(text)
        attributes = {name: tuple(values) for name, values in fields.pop("attributes").items()}
        return cls(**fields, attributes=attributes)


def clean(text: str) -> str:
    """Text in the one form in which it is kept: NFC, without space at its ends."""
    return unicodedata.normalize("NFC", text).strip()


def _matches(text: str, form: re.Pattern[str], what: str, wanted: str) -> None:
    if not form.fullmatch(text):
        raise InputError(f"{text[:40]!r} was given as {what}; {wanted}.")


def _check_text(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise InputError(f"the {name} of a voice is {len(text)} characters long; {longest} are accepted.")
    for letter in text:
        if unicodedata.category(letter) in UNSEEN and letter != "\n":
            raise InputError(f"the {name} of a voice holds the unseen character U+{ord(letter):04X}; remove it.")
    if COMMAND.search(text):
        raise InputError(f"the {name} of a voice holds a control token of a model; remove it.")
    if name == "name" and "\n" in text:
        raise InputError("the name of a voice has several lines; give one.")


def _check_attributes(attributes: Mapping[str, tuple[str, ...]]) -> None:
    for name, values in attributes.items():
        if name not in ATTRIBUTES:
            raise InputError(f"{name[:40]!r} is no attribute of a voice; there are {', '.join(ATTRIBUTES)}.")
        for value in values:
            _matches(value, VALUE, f"the {name} of a voice", "use a short word of a-z")
        if len(values) > (1 if name in SINGLE else 5):
            raise InputError(f"a voice has {len(values)} values for its {name}; give fewer.")


def _check_claims(description: str, attributes: Mapping[str, tuple[str, ...]]) -> None:
    """A description does not contradict the attributes, nor repeat itself to be found by everything."""
    said = parse(description).all_values("gender")
    known = set(attributes.get("gender", ()))
    if len(said) > 1 or (said and known and said != known):
        claims = " and ".join(sorted(said | known))
        raise InputError(f"the description and attributes of a voice claim the genders {claims}; let them agree.")
    counts = Counter(re.findall(r"\w{3,}", description.lower()))
    word, times = max(counts.items(), key=lambda item: item[1], default=("", 0))
    if times > MOST_OF_A_WORD:
        raise InputError(f"a description says {word[:40]!r} {times} times; {MOST_OF_A_WORD} are accepted.")
