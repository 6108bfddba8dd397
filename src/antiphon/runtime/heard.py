"""What of a spoken utterance was heard: its ids up to a moment of its sound, and the words among them.

    ids     t0 a0 a1 a2 a3 | t1 a4 a5 a6 a7 | t2 ...          a code is 40 ms of sound, a group 160 ms
    heard   ───────── 230 ms ────┘                            five whole codes
    kept    t0 a0 a1 a2 a3 | t1 a4 pad pad pad  <tts_end>     the words t0 t1: of their groups something was heard

The alignment is that of the woven stream: a word belongs to the four codes behind it. (The words of a reply may run a
little ahead of its voice; the stream says no more than this.) What is kept is a beginning of what was generated, so
the cache of the model survives up to the cut.
"""

from collections.abc import Sequence
from math import floor

from antiphon.rates import CODE_HZ, exact_div
from antiphon.text.layout import TokenLayout
from antiphon.text.tokenizer import Tokenizer, decode_bytes

CODE_MS = exact_div(1000, CODE_HZ)  # 40, where it is heard at the model's own speed
EXACT = 6  # decimals within which a number of milliseconds or codes is a whole one


def duration_ms(num_codes: int, speed: float = 1.0) -> int:
    """How long so many codes sound; a millisecond that has begun does not count."""
    return floor(round(num_codes * CODE_MS / speed, EXACT))


def whole_codes(ms: int, speed: float = 1.0) -> int:
    """How many codes have sounded to their end."""
    return floor(round(ms * speed / CODE_MS, EXACT))


def num_codes(ids: Sequence[int], layout: TokenLayout) -> int:
    """Codes of an utterance, padding left out."""
    return sum(layout.is_speech(token) for token in ids)


def closed(ids: Sequence[int], layout: TokenLayout) -> tuple[int, ...]:
    """The same with the end of speech, where it was cut off before."""
    return (*ids,) if layout.tts_end in ids else (*ids, layout.tts_end)


def heard_ids(
    ids: Sequence[int], layout: TokenLayout, heard_ms: int | None, speed: float = 1.0
) -> tuple[int, ...]:
    """Of the ids behind `<tts_start>`, those that go with the first `heard_ms`, closed; none where no code was heard.

    An utterance that was heard to its end (or with `heard_ms` None) is whole, words behind the speech included.
    """
    if not ids:  # something was said that the model did not generate
        return ()
    whole = num_codes(ids, layout)
    wanted = whole if heard_ms is None or heard_ms >= duration_ms(whole, speed) else whole_codes(heard_ms, speed)
    if heard_ms is None or (wanted == whole and layout.tts_end in ids):
        return closed(ids, layout)
    kept = slots = missing = codes = 0
    for at, token in enumerate(ids):
        if codes == wanted or token == layout.tts_end:
            break
        slots = slots + 1 if token >= layout.first_audio else 0  # since the last word
        if layout.is_speech(token):
            kept, codes, missing = at + 1, codes + 1, max(layout.audio_per_group - slots, 0)
    if not kept:
        return ()
    return (*ids[:kept], *[layout.audio_pad] * missing, layout.tts_end)


def words_of(ids: Sequence[int], tokenizer: Tokenizer, layout: TokenLayout) -> str:
    """The words of the speech in some ids; a character that is not complete is left out."""
    text, pending, speaking = "", b"", True
    for token in ids:
        speaking, kind = layout.split_step(speaking, token)
        if kind == "text":
            more, pending = decode_bytes(pending, tokenizer.token_bytes(token))
            text += more
    return text
