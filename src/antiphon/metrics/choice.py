"""Which of several choices did an answer name? Two matchers, both reported.

`official` follows MMAU's own: an answer is right when it holds every word of the right choice and no word that only
wrong choices have. Order does not count, so "man, woman" passes for "woman, man"; and words around an answer can break
a right one. It is kept because published figures were made by it.

`chosen` is the safe one. It names a choice or none, in this order, and takes a step's result only where it is the one:

    it is a choice · it contains one choice, and no other's letter · it is a letter · it is nearly one choice

Anything else is unparsed: wrong, and counted.
"""

import re
import unicodedata
from collections.abc import Sequence

from rapidfuzz import fuzz

from antiphon.errors import InputError

__all__ = ["chosen", "official", "tagged_answer"]

_TAGGED = re.compile(r"<RESPONSE>(.*?)(?:</RESPONSE>|$)", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"\w+")
_MARKED = re.compile(r"^\W*([A-Z])\s*(?:[).:：、]|$)")
_NAMED = re.compile(r"\b(?i:answer|option|choice)(?:\s+(?i:is))?\s*[:：]?\s*\(?([A-Z])\)?(?![\w'])")
_NEAR, _MARGIN = 88.0, 5.0  # of 100: so alike, and by so much more than the next


def tagged_answer(text: str) -> str:
    """What stands in the last `<RESPONSE>` of a reply, or all of it where there is none."""
    found = _TAGGED.findall(text)
    return str(found[-1] if found else text).strip()


def official(answer: str, right: str, choices: Sequence[str]) -> bool:
    """Whether the published matcher takes an answer for the right choice."""
    said, due = _words(answer), _words(right)
    wrong = {word for choice in choices for word in _words(choice)} - due
    return bool(said) and due <= said and not said & wrong


def chosen(answer: str, choices: Sequence[str]) -> int | None:
    """Index of the choice that an answer names; None where it names none, or several."""
    if not choices:
        raise InputError("found no choices; expected two at least")
    plain, options = _plain(answer), [_plain(choice) for choice in choices]
    if not plain:
        return None
    if (exact := _only([plain == option for option in options])) is not None:
        return exact
    contained, letter = _only_longest(plain, options), _letter(answer, len(options))
    if letter is not None and contained not in (None, letter):
        begins = contained is not None and options[contained].startswith(f"{chr(ord('a') + letter)} ")
        return contained if begins else None  # "A major" is no choice A; a letter beside another choice's words is none
    if contained is None and letter is None:
        return _nearest(plain, options)
    return letter if contained is None else contained


def _letter(answer: str, count: int) -> int | None:
    """The choice whose letter an answer begins with or names."""
    found = _MARKED.match(answer) or _NAMED.search(answer)
    index = ord(found[1]) - ord("A") if found else count
    return index if index < count else None


def _only_longest(plain: str, options: Sequence[str]) -> int | None:
    """The one choice that an answer contains in whole words; one inside another that is also there does not count."""
    there = [i for i, option in enumerate(options) if option and f" {option} " in f" {plain} "]
    longest = [i for i in there if not any(i != j and f" {options[i]} " in f" {options[j]} " for j in there)]
    return longest[0] if len(longest) == 1 else None


def _nearest(plain: str, options: Sequence[str]) -> int | None:
    scored = sorted(((fuzz.ratio(plain, option), i) for i, option in enumerate(options)), reverse=True)
    second = scored[1][0] if len(scored) > 1 else 0.0
    return scored[0][1] if scored[0][0] >= _NEAR and scored[0][0] - second >= _MARGIN else None


def _only(fits: Sequence[bool]) -> int | None:
    return fits.index(True) if sum(fits) == 1 else None


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
    return " ".join(re.findall(r"[\w']+", folded))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
