"""From what somebody asks for to at most a few voices, each of another speaker, with a score and the reasons.

    words    attributes first, then what words are left; where too few voices have all of it, one attribute after
             another is given up. The score is the share of what was asked for that a voice has.
    clip     the nearest by the speaker net; the score is the cosine.

Words that name no attribute and occur nowhere find nothing: whoever asks for what is not there is told so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from antiphon.errors import InputError
from antiphon.voices.attributes import Wish, parse
from antiphon.voices.entry import VoiceEntry
from antiphon.voices.index import MOST as LONGEST_LIST
from antiphon.voices.index import Hit, VoiceIndex
from antiphon.voices.store import Filters
from antiphon.voices.words import HAN, content_words, pairs

LONGEST_QUERY = 400  # characters
MOST = 20  # voices of one answer
GIVEN_UP = ("style", "timbre", "emotion", "dialect", "age", "language", "gender")  # the first is missed least
Read = Callable[[list[str]], dict[str, VoiceEntry]]


@dataclass(frozen=True)
class Match:
    """An entry that answers, how well (0 to 1 for words, -1 to 1 for a clip), and why."""

    entry: VoiceEntry
    score: float
    why: tuple[str, ...]


def by_words(index: VoiceIndex, read: Read, query: str, filters: Filters, k: int) -> list[Match]:
    """Voices for a description; `filters` are kept whatever happens. Raises InputError for a query that is too long."""
    if len(query) > LONGEST_QUERY:
        raise InputError(f"the description is {len(query)} characters long; {LONGEST_QUERY} are accepted.")
    wish = parse(query)
    if query.strip() and not wish.filters and not wish.words:
        return []
    found: dict[str, Match] = {}
    for kept in _relaxed(wish):
        for hits in _lists(index, wish, (*filters, *kept), k):
            entries = read([hit.voice_id for hit in hits])
            found.update({i: _judged(entries[i], wish) for i in entries if i not in found})
        if len({match.entry.whose for match in found.values()}) >= k:
            break
    is_asked = bool(wish.filters or wish.words)
    ranked = sorted(found.values(), key=lambda match: -match.score)  # equals keep the order in which they were found
    return _one_each([match for match in ranked if match.score > 0 or not is_asked], k)


def by_vector(
    index: VoiceIndex, read: Read, vector: Float[np.ndarray, " d"], filters: Filters, k: int
) -> list[Match]:
    """The voices that sound most like a vector, each speaker by the best clip."""
    wanted = 5 * k  # several entries may be of one speaker
    while True:
        hits = index.search(vector=vector, filters=filters, k=wanted)
        entries = read([hit.voice_id for hit in hits])
        matches = [_alike(entries[hit.voice_id], hit) for hit in hits if hit.voice_id in entries]
        best = _one_each(matches, k)
        if len(best) == k or len(hits) < wanted or wanted >= LONGEST_LIST:
            return best
        wanted = min(4 * wanted, LONGEST_LIST)


def _relaxed(wish: Wish) -> Iterator[Filters]:
    """All that was asked for, then without one attribute after another."""
    kept = list(wish.filters)
    yield tuple(kept)
    for name in GIVEN_UP:
        for pair in [pair for pair in kept if pair[0] == name]:
            kept.remove(pair)
            yield tuple(kept)


def _lists(index: VoiceIndex, wish: Wish, filters: Filters, k: int) -> Iterator[list[Hit]]:
    """Those with the words, then those with the attributes alone."""
    wide = 5 * k  # several entries may be of one speaker
    if wish.words:
        yield index.search(text=" ".join(wish.words), filters=filters, k=wide)
    if filters or not wish.words:
        yield index.search(filters=filters, k=wide)


def _judged(entry: VoiceEntry, wish: Wish) -> Match:
    tags, text = set(entry.tags), f"{entry.name} {entry.description}".lower()
    said = content_words(text)
    han = {pair for run in HAN.findall(text) for pair in pairs(run)}
    has = [pair for pair in wish.filters if pair in tags]
    words = [word for word in wish.words if word in han or any(_same(word, other) for other in said)]
    asked = len(wish.filters) + len(wish.words)
    why = [f"{name}: {value}" for name, value in has]
    why += [f"words: {' '.join(words)}"] if words else []
    lacking = [f"not {name}: {value}" for name, value in wish.filters if (name, value) not in tags]
    return Match(entry, (len(has) + len(words)) / asked if asked else 0.0, (*why, *lacking))


def _same(word: str, other: str) -> bool:
    """Two words but for an ending."""
    short, long = sorted((word, other), key=len)
    return short == long or (len(short) >= 3 and long.startswith(short) and len(long) - len(short) <= 2)


def _alike(entry: VoiceEntry, hit: Hit) -> Match:
    return Match(entry, hit.score, (f"sounds alike: {hit.score:.2f}",))


def _one_each(matches: list[Match], k: int) -> list[Match]:
    best: dict[str, Match] = {}
    for match in matches:
        best.setdefault(match.entry.whose, match)
    return list(best.values())[:k]
