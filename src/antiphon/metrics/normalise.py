"""Normalisation profiles: how a text is made comparable before errors are counted.

The choice of a profile moves an error rate more than models differ, so each has a name with a version, the name is part
of every score's signature, and a change of what a profile does needs a new version. Its test vectors are those of the
specification.

| profile         | steps, in order                                                            | a unit is  |
|-----------------|----------------------------------------------------------------------------|------------|
| `raw`           | none                                                                       | word       |
| `raw-char`      | none                                                                       | character  |
| `en-whisper@1`  | tags off, O'Brien one word, Whisper's English normaliser                   | word       |
| `zh-cer@1`      | tags off, NFKC, simplified, numbers as spoken, no marks, lower case        | character  |
| `zh-mer@1`      | the same                                                                   | mixed      |
| `zh-nofill@1`   | `zh-cer`, without fillers                                                  | character  |
| `zh-speechio@1` | `zh-nofill`, without the 儿 of erhua, upper case                            | character  |
| `yue-cer@1`     | NFKC, simplified, no marks, lower case                                     | character  |
| `ja-cer@1`      | NFKC, no marks, lower case                                                 | character  |
| `ar-wer@1`      | NFKC, plain digits, no tatweel and no vowel signs, marks to spaces         | word       |
| `ar-fold@1`     | the same, with the forms of alef, yeh and teh marbuta folded               | word       |
| `seedtts-en@1`  | marks deleted but for apostrophes, lower case; numbers stay                | word       |
| `seedtts-zh@1`  | marks deleted but for apostrophes; the hypothesis simplified; numbers stay | character  |
| `asr-bleu@1`    | marks deleted but for apostrophes, lower case, simplified                  | word       |

A mixed unit is a character, or a run of Latin letters and digits.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal

from antiphon.errors import ConfigError
from antiphon.metrics.numerals import speak_numbers

__all__ = ["PROFILES", "Profile", "Unit", "profile", "simplified"]

Unit = Literal["word", "char", "mixed"]
Step = Callable[[str], str]

_TAGS = re.compile(r"<\|[^<>|]*\|>|<[A-Z_]+>")  # <|zh|>, <SPOKEN_NOISE>
_O_NAMES = re.compile(r"\b([oO])['\u2019](?=[A-Za-z])")
_RUN = re.compile(r"[a-z0-9]+|\S", re.IGNORECASE)
_FILLERS = re.compile("[呃啊嗯诶]")
_ER = re.compile("(?<![女婴幼孤健少胎宠男小])儿(?![子童女媳孙歌科化戏时])")
_FOLD = str.maketrans("\u0623\u0625\u0622\u0649\u0629", "\u0627\u0627\u0627\u064a\u0647")


@dataclass(frozen=True)
class Profile:
    """A way to make texts comparable; `name` carries its version."""

    name: str
    unit: Unit
    steps: tuple[Step, ...]
    of_hypothesis: tuple[Step, ...] = ()  # done to what was heard alone, before the others

    def text(self, text: str, *, is_hypothesis: bool = False) -> str:
        """The text as it is compared."""
        for step in (*(self.of_hypothesis if is_hypothesis else ()), *self.steps):
            text = step(text)
        return text

    def tokens(self, text: str, *, is_hypothesis: bool = False) -> list[str]:
        """The units that errors are counted in."""
        made = self.text(text, is_hypothesis=is_hypothesis)
        if self.unit == "word":
            return made.split()
        return _RUN.findall(made) if self.unit == "mixed" else list("".join(made.split()))


def profile(name: str) -> Profile:
    """A profile by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in PROFILES:
        raise ConfigError(f"there is no normalisation {name!r}; the profiles are {', '.join(PROFILES)}.")
    return PROFILES[name]


def simplified(text: str) -> str:
    """Traditional characters as simplified ones, by OpenCC."""
    return str(_simplifier().convert(text))


@cache
def _simplifier() -> Any:
    return _extra("opencc").OpenCC("t2s")


@cache
def _whisper() -> Any:
    return _extra("whisper_normalizer.english").EnglishTextNormalizer()


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ConfigError(f"{package} is not installed; get it with `pip install antiphon[eval]`.") from error


def _untagged(text: str) -> str:
    return _TAGS.sub("", text)


def _whispered(text: str) -> str:
    return str(_whisper()(_O_NAMES.sub(r"\1", text)))


def _plain_forms(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] in "PSZC"


def _no_marks(text: str) -> str:
    return "".join(char for char in text if not _is_mark(char))


def _marks_to_spaces(text: str) -> str:
    return " ".join("".join(" " if _is_mark(char) else char for char in text).split())


def _marks_deleted(text: str) -> str:
    """SEED-TTS: every mark of punctuation goes, an apostrophe and a space stay."""
    straight = text.replace("\u2019", "'")
    return "".join(char for char in straight if char in "' " or not _is_mark(char))


def _no_vowel_signs(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) != "Mn" and char != "\u0640")


def _plain_digits(text: str) -> str:
    return "".join(str(unicodedata.digit(char)) if char.isdigit() else char for char in text)


def _folded(text: str) -> str:
    return text.translate(_FOLD)


def _no_fillers(text: str) -> str:
    return _FILLERS.sub("", text)


def _no_erhua(text: str) -> str:
    return _ER.sub("", text)


_ZH: tuple[Step, ...] = (_untagged, _plain_forms, simplified, speak_numbers, _no_marks, str.lower)
_AR: tuple[Step, ...] = (_plain_forms, _plain_digits, _no_vowel_signs, _marks_to_spaces)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        made.name: made
        for made in (
            Profile("raw", "word", ()),
            Profile("raw-char", "char", ()),
            Profile("en-whisper@1", "word", (_untagged, _whispered)),
            Profile("zh-cer@1", "char", _ZH),
            Profile("zh-mer@1", "mixed", (*_ZH[:4], _marks_to_spaces, str.lower)),
            Profile("zh-nofill@1", "char", (*_ZH, _no_fillers)),
            Profile("zh-speechio@1", "char", (*_ZH, _no_fillers, _no_erhua, str.upper)),
            Profile("yue-cer@1", "char", (_plain_forms, simplified, _no_marks, str.lower)),
            Profile("ja-cer@1", "char", (_plain_forms, _no_marks, str.lower)),
            Profile("ar-wer@1", "word", _AR),
            Profile("ar-fold@1", "word", (*_AR, _folded)),
            Profile("seedtts-en@1", "word", (_marks_deleted, str.lower)),
            Profile("seedtts-zh@1", "char", (_marks_deleted,), (simplified,)),
            Profile("asr-bleu@1", "word", (simplified, _marks_deleted, str.lower)),
        )
    }
)
