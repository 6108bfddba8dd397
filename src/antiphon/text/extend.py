"""More words for a vocabulary that is in use: BPE goes on from the merges that are there.

    before   | bytes and merges | control | speech |          what was one token still is
    after    | bytes and merges | new merges | control | speech |

Text that the new merges do not touch keeps its tokens; ids behind the words move up by as many as have come.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from antiphon.errors import InputError
from antiphon.text.tokenizer import Tokenizer

LEAST = 2  # how often a pair must have been seen


def further_merges(tokenizer: Tokenizer, texts: Iterable[str], num_words: int) -> list[tuple[str, str]]:
    """The merges that `Tokenizer.extended` needs to have up to `num_words` BPE tokens: what the texts say most often.

    There are fewer where the texts hold fewer pairs. Raises InputError if there are more tokens already.
    """
    known = set(tokenizer.base)
    if num_words < len(known):
        raise InputError(f"{num_words} tokens were asked for and the vocabulary has {len(known)}; ask for more.")
    symbols = {i: symbol for symbol, i in tokenizer.base.items()}
    counts = Counter(word for text in texts for word in tokenizer.words(text))
    spelt = {word: [symbols[i] for i in tokenizer.encode(word)] for word in counts}
    merges = list[tuple[str, str]]()
    while len(known) < num_words:
        pairs = Counter[tuple[str, str]]()
        for word, parts in spelt.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        best = max(pairs, key=lambda pair: (pairs[pair], pair), default=None)
        if best is None or pairs[best] < LEAST:
            break
        merges.append(best)
        known.add("".join(best))
        spelt = {word: merged(parts, best) for word, parts in spelt.items()}
    return merges


def merged(parts: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """A word with a pair of symbols made one wherever it stands."""
    found = list[str]()
    for part in parts:
        if found and (found[-1], part) == pair:
            found[-1] += part
        else:
            found.append(part)
    return found
