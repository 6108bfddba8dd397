"""Examples: a record becomes ids, the kind of loss at each of them, and what fills the places of sound.

    ids      <|BOT|> human  <audio_start> ▒▒▒▒ <audio_end> <|EOT|>  <|BOT|> assistant  yes <|EOT|>
    kinds       ·      ·          ·       ····      ·         ·        ·        ·       T     T

A kind belongs to the id that is predicted. Ids come from the code that the runtime prompts with, so a model is asked as
it was trained; where it reads `<audio_patch>`, `SoundRows` say what is heard: a stretch of a sound, or pseudo-sound.
`guides`, `copies` and `abouts` tell where a guided head should look (`antiphon.train.guide`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate
from random import Random

from antiphon.errors import AntiphonError
from antiphon.rates import HEARD_HZ, PIECE_S, num_rows, rows_of
from antiphon.runtime.heard import CODE_MS, heard_ids
from antiphon.text import chat
from antiphon.text.chat import AudioItem, Mark, Message, Speech, compose
from antiphon.text.layout import TokenLayout
from antiphon.text.prompts import PROMPTS
from antiphon.text.tokenizer import Tokenizer
from antiphon.text.toolcall import ToolCall
from antiphon.text.variants import Variant
from antiphon.train import guide, tasks
from antiphon.train.pseudo import draw_path
from antiphon.train.records import (
    BadRecord,
    Given,
    Heard,
    Item,
    Record,
    Said,
    Spoken,
    Thought,
    bad,
)
from antiphon.train.sounds import Sounds
from antiphon.train.tasks import (
    NOTHING,
    SLOT,
    SPEECH,
    SPEECH_PAD,
    TEXT,
    TEXT_PAD,
    THINK,
    TOOL,
    Learns,
)

_BASE_TEXT = {p.system: p.base_text for p in PROMPTS.values()}  # what the base model is told instead


@dataclass(frozen=True, kw_only=True)
class SoundRows:
    """Rows of sound among the ids: samples `begin` to `end` (16 kHz) of `heard`, or the ids of a pseudo-path."""

    start: int
    rows: int
    heard: Heard
    begin: int = 0
    end: int = 0
    path: tuple[int, ...] = ()
    said: tuple[int, ...] = ()  # what a whole sound says, as tokens; empty where that is not known
    whole: bool = False  # the sound is in one piece
    seed: str = ""  # all its chance: how it is varied, or its noise


@dataclass
class Example:
    """One record, ready to be collated. It is an item of the trainer: `id`, and `size` in positions.

    Several that are `packed` into one row are one example too, and do not hear each other.
    """

    id: str
    record: Record
    seed: str = ""  # all further chance of this example: noise, wrong codes, augmentation
    ids: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    sounds: list[SoundRows] = field(default_factory=list)
    guides: list[guide.Look] = field(default_factory=list)  # towards the word that is being spoken
    copies: list[guide.Look] = field(default_factory=list)  # towards the word that is read or repeated
    echoes: list[guide.Echo] = field(default_factory=list)  # the same where it lies in real sound
    abouts: list[guide.Look] = field(default_factory=list)  # towards the stretch of sound that a reply tells of
    source: list[guide.Source] = field(default_factory=list)  # what the last turn asked in words, and where they stand
    offered: list[guide.Source] = field(default_factory=list)  # the tools that are described, and where
    stretch: tuple[int, ...] = ()  # where the stretch of sound stands that the next reply tells of

    row: int = 0  # the length of the batch it was dealt into
    packed: tuple[tuple[int, str], ...] = ()  # length and seed of each that it is packed of

    @property
    def parts(self) -> tuple[tuple[int, str], ...]:
        """Length and seed of each record that it holds."""
        return self.packed or ((len(self.ids), self.seed),)

    @property
    def size(self) -> int:
        """Positions of its row."""
        return max(self.row, len(self.ids))

    def add(self, ids: Sequence[int], kind: int = NOTHING) -> None:
        """Append ids of one kind."""
        self.ids += ids
        self.kinds += [kind] * len(ids)

    def add_kinds(self, ids: Sequence[int], kinds: Sequence[int]) -> None:
        """Append ids, each of its own kind."""
        self.ids += ids
        self.kinds += kinds

    def cut(self) -> None:
        """Drop what stands behind the last id that is learned: nothing looks back from there."""
        end = 1 + max((n for n, kind in enumerate(self.kinds) if kind != NOTHING), default=len(self.ids) - 1)
        del self.ids[end:], self.kinds[end:]
        self.sounds = [s for s in self.sounds if s.start < end]
        self.guides = [look for look in self.guides if look[0] < end]
        self.copies = [look for look in self.copies if look[0] < end]
        self.abouts = [look for look in self.abouts if look[0] < end]
        self.echoes = [echo for echo in self.echoes if echo.position < end]


class Builder:
    """Makes examples for one model: its tokenizer, the way it is spoken to, and the store its sounds lie in."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        variant: Variant,
        sounds: Sounds,
        *,
        layout: TokenLayout | None = None,
        longest: int,
        piece_s: tuple[float, float] = (PIECE_S, PIECE_S),
        misread: Sequence[int] = (),
        cut: float = 0.0,
        slots: bool = False,
    ) -> None:
        """`longest` positions an example may take; sounds are cut into pieces of a random length within `piece_s`.

        `cut` is the share of earlier spoken replies that the user did not hear to their end. With `slots` the words
        of a last reply that only hearing tells (`Record.slots`) are of a kind of their own.
        """
        self.tokenizer, self.variant, self.sounds = tokenizer, variant, sounds
        self.layout = tokenizer.layout() if layout is None else layout
        self.longest, self.piece_s, self.misread, self.cut, self.slots = longest, piece_s, misread, cut, slots
        self.encode = lru_cache(100_000)(lambda text: tuple(tokenizer.encode(text)))

    def build(self, record: Record, seed: str, *, pseudo: bool = False, learns: Learns | None = None) -> Example:
        """The example of a record; with `pseudo` all that is heard is pseudo-sound. `seed` is all its chance.

        Raises BadRecord (file:line and why) for a record that is too long, learns nothing, or whose sound is missing.
        """
        if why := tasks.needs(record):
            raise bad(record, why + ".")
        example, rng = Example(record.id, record, seed), Random(seed)
        try:
            heard_ms = self._heard_ms(record, seed)
            for number, (message, learn) in enumerate(zip(record.messages, tasks.learned(record, learns), strict=True)):
                if self._is_base(record):
                    self._base(example, message, learn, rng, pseudo)
                elif number in heard_ms:
                    self._cut_short(example, message, heard_ms[number])
                elif learn:
                    self._learned(example, message)
                else:
                    self._context(example, message, rng, pseudo)
        except BadRecord:
            raise
        except AntiphonError as error:
            raise bad(record, str(error)) from error
        if self._is_base(record):
            example.add([self.layout.pad], TEXT)
        self._check(example)
        example.cut()
        return example

    def _is_base(self, record: Record) -> bool:
        return self.variant.style == "base" or tasks.task(record.task).style == "base"

    def _check(self, example: Example) -> None:
        if example.size > self.longest:
            raise bad(example.record, f"the example takes {example.size} positions of {self.longest}; cut the record.")
        if not any(k not in (NOTHING, TEXT_PAD, SPEECH_PAD) for k in example.kinds):
            raise bad(example.record, "nothing of it is learned; give it a reply.")

    # --- messages ----------------------------------------------------------------------------------------------------

    def _context(self, example: Example, message: Said, rng: Random, pseudo: bool) -> None:
        """A message that is only read: as the runtime writes it, without its thoughts."""
        items = [i for i in message.items if not isinstance(i, Thought)]
        if len(items) == 1 and isinstance(items[0], str) and message.role != "assistant":
            example.add(self._ids(chat.render_chat([Message(message.role, items[0])])))
            words = self.encode(items[0])
            stand = guide.sources(words, len(example.ids) - 1 - len(words))
            example.source = stand if message.role == "human" else []
            example.offered = stand if message.role == "tool_json_schemas" else example.offered
            return
        example.add(self._ids(chat.render_chat([Message(message.role, None)])))
        example.source, example.stretch = [], ()
        for item in items:
            self._context_item(example, item, rng, pseudo)
        example.add([self.layout.eot])

    def _context_item(self, example: Example, item: Item, rng: Random, pseudo: bool) -> None:
        if isinstance(item, Heard):
            self._hear(example, item, rng, pseudo)
        elif isinstance(item, Spoken):
            example.add(self._ids([(Speech(item.text, self.codes(item)),)]))
        elif isinstance(item, ToolCall):
            example.add(self._ids(chat.item_parts(Message("assistant", None), item)))
        elif isinstance(item, str | Given):
            example.add(self.encode(item if isinstance(item, str) else item.text))

    def _heard_ms(self, record: Record, seed: str) -> dict[int, int]:
        """Which earlier spoken replies were cut short, and how many milliseconds of each were heard."""
        if not self.cut:
            return {}
        rng, found = Random(f"{seed} cut"), dict[int, int]()
        replies = [n for n, m in enumerate(record.messages) if m.role == "assistant"]
        for number in replies[:-1]:
            items = record.messages[number].items
            if rng.random() < self.cut and len(items) == 1 and isinstance(items[0], Spoken) and not items[0].mute:
                whole = len(self.codes(items[0])) * CODE_MS
                found[number] = rng.randint(CODE_MS, max(whole - CODE_MS, CODE_MS))
        return found

    def _cut_short(self, example: Example, message: Said, heard_ms: int) -> None:
        """A spoken reply as the runtime keeps it when somebody cut in."""
        (spoken,) = message.items
        assert isinstance(spoken, Spoken)
        example.add(self._ids(chat.render_chat([Message(message.role, None)])))
        start, *woven = self.layout.interleave(self.encode(spoken.text), self.codes(spoken))
        example.add([start, *heard_ids(woven, self.layout, heard_ms), self.layout.eot])

    def _learned(self, example: Example, message: Said) -> None:
        """A message that is learned: the header is given, everything after it is not."""
        example.add(self._ids(chat.render_chat([Message(message.role, None)])))
        self._learn_items(example, message)
        last = message.items[-1]
        is_mute = isinstance(last, Spoken) and last.mute  # nobody knows when such speech ends
        example.add([self.layout.eot], NOTHING if is_mute else TEXT)

    def _learn_items(self, example: Example, message: Said) -> None:
        if not message.items or not any(_says(item) for item in message.items):
            raise bad(example.record, "the target is empty; give the reply words, speech or a call.")
        for item in message.items:
            if isinstance(item, Spoken):
                self._speak(example, message, item)
            elif isinstance(item, Given):
                example.add(self.encode(item.text))
            elif isinstance(item, Thought):
                self._think(example, item)
            elif isinstance(item, ToolCall):
                self._call(example, item)
            elif isinstance(item, str):
                ids = self.encode(item)
                _look(example, ids, len(example.ids) - 1, 1)
                example.add_kinds(ids, self._kinds(example.record, message, item, ids))
            else:
                raise bad(example.record, "the reply holds audio that is heard; a reply is text, speech or a call.")

    def _base(self, example: Example, message: Said, learn: bool, rng: Random, pseudo: bool) -> None:
        """The base model's way: contents one after another, no roles."""
        if message.role == "system":
            text = "".join(i for i in message.items if isinstance(i, str))
            example.add(self.encode(_BASE_TEXT.get(text, text)))
        elif learn:
            self._learn_items(example, message)
        else:
            for item in message.items:
                self._context_item(example, item, rng, pseudo)

    # --- items -------------------------------------------------------------------------------------------------------

    def _hear(self, example: Example, heard: Heard, rng: Random, pseudo: bool) -> None:
        """Real sound in its pieces, or pseudo-sound of what is said in it."""
        said = self.encode(heard.said) if heard.said else ()
        if pseudo or not heard.audio:
            path = draw_path(said, rng, self.misread)
            start = self._announce(example, len(path.ids))
            chance = f"{example.seed} {start}"
            sound = SoundRows(start=start, rows=len(path.ids), heard=heard, path=path.ids, seed=chance)
            example.sounds.append(sound)
            example.source = [(t, tuple(start + p for p in at)) for t, at in zip(said, path.places, strict=False)]
            return
        total = self.sounds.samples(heard)
        size = int(HEARD_HZ * rng.uniform(*self.piece_s))
        spans = [(a, min(a + size, total)) for a in range(0, total, size)]
        spans = [span for span in spans if num_rows(span[1] - span[0]) > 0]
        rows = [num_rows(b - a) for a, b in spans]
        if not spans:
            raise bad(example.record, f"the audio {heard.audio} has {total} samples, too few for a row; leave it out.")
        if heard.rows is not None and heard.rows != sum(rows) and len(rows) == 1:
            raise bad(
                example.record,
                f"the record counts {heard.rows} rows of sound and {heard.audio} takes {sum(rows)}; count again.",
            )
        for (begin, end), count in zip(spans, rows, strict=True):
            start = self._announce(example, count)
            whole = said if len(spans) == 1 else ()
            chance = f"{example.seed} {start}"
            sound = SoundRows(start=start, rows=count, heard=heard, begin=begin, end=end, said=whole,
                              whole=len(spans) == 1, seed=chance)  # fmt: skip
            example.sounds.append(sound)
            example.source = [(t, guide.Spelt(len(example.sounds) - 1, n)) for n, t in enumerate(whole)]
        if heard.about and len(spans) == 1:
            example.stretch = tuple(range(start, start + rows[0])[rows_of(*heard.about, rows[0])])

    def _announce(self, example: Example, rows: int) -> int:
        prompt = chat.encode([(sound,) for sound in AudioItem((rows,)).sounds], self.tokenizer, self.layout)
        start = len(example.ids) + 1
        example.add(prompt.ids)
        return start

    def _speak(self, example: Example, message: Said, spoken: Spoken) -> None:
        """Text and codes, woven; each slot is learned as what stands in it, of mute speech the text alone."""
        layout, text = self.layout, self.encode(spoken.text)
        kinds = self._kinds(example.record, message, spoken.text, text)
        given = len(self._given(example, spoken))
        group, begin = layout.text_per_group + layout.audio_per_group, len(example.ids) + 1
        woven = layout.interleave(text, self.codes(spoken))
        example.add(woven[:1])
        for place, token in enumerate(woven[1:-1]):
            number, within = divmod(place, group)
            if within >= layout.text_per_group:
                kind = SPEECH_PAD if token == layout.audio_pad else SPEECH
                example.add([token], NOTHING if spoken.mute else kind)
            elif token == layout.tts_pad:
                example.add([token], NOTHING if spoken.mute else TEXT_PAD)
            else:
                at = number * layout.text_per_group + within
                example.add([token], NOTHING if at < given else kinds[at])
        if layout.text_per_group == 1:
            words = () if spoken.mute else spoken.words
            example.guides += guide.spoken(self.tokenizer, layout, text, words, begin, len(woven) - 2)
            _look(example, text, begin - 1, group)
        example.add(woven[-1:], NOTHING if spoken.mute else TEXT)

    def _call(self, example: Example, call: ToolCall) -> None:
        """A call: its name and keys are looked up where the tool is described, its values where they were asked."""
        ids = self._ids(chat.item_parts(Message("assistant", None), call))
        mine = guide.sources(ids, len(example.ids))
        example.add(ids, TOOL)
        described = guide.standing(self.encode(f'name": "{call.name}'), example.offered)
        after = example.offered[example.offered.index(described[-1]) :] if described else []
        arguments = call.values
        parts = [(call.name, described[-len(self.encode(call.name)) :]), *((key, after) for key in arguments)]
        parts += [(value, example.source) for value in arguments.values() if isinstance(value, str)]
        for text, asked in parts:
            made = guide.standing(self.encode(text), mine)
            there = guide.standing(self.encode(text), asked) or guide.standing(self.encode(f" {text}"), asked)
            if made and len(made) == len(there):
                _add(example, guide.looking(there, made[0][1][0] - 1, 1))

    def _given(self, example: Example, spoken: Spoken) -> tuple[int, ...]:
        """The tokens that a spoken text begins with and that are not learned."""
        text, given = self.encode(spoken.text), self.encode(spoken.given) if spoken.given else ()
        if text[: len(given)] != given:
            why = f"the speech {spoken.text!r} does not begin, token by token, with what is given, {spoken.given!r}."
            raise bad(example.record, why)
        return given

    def _kinds(self, record: Record, message: Said, text: str, ids: Sequence[int]) -> list[int]:
        """The kind of each token of a text in a reply."""
        if not self.slots or not record.slots or message is not record.messages[-1]:
            return [TEXT] * len(ids)
        whole, ends = text.lower().encode(), list(accumulate(len(self.tokenizer.token_bytes(i)) for i in ids))
        slots = [re.escape(slot.lower().encode()) for slot in record.slots]
        spans = [found.span() for slot in slots for found in re.finditer(slot, whole)]
        begins = [0, *ends[:-1]]
        return [
            SLOT if any(a < end and begin < b for a, b in spans) else TEXT
            for begin, end in zip(begins, ends, strict=True)
        ]

    def _think(self, example: Example, thought: Thought) -> None:
        """The prefix is given, the thought up to its end is learned, the empty line after it is given."""
        prefix = self.variant.think_prefix or "<think>\n"
        example.add(self._ids([compose(prefix).parts]))
        example.add(self._ids([(chat.Words(thought.text), Mark("</think>"))]), THINK)
        example.add(self.encode("\n\n"))

    def codes(self, spoken: Spoken) -> tuple[int, ...]:
        """The codes of a spoken item, wherever they lie."""
        return self.sounds.codes(spoken.codes) if isinstance(spoken.codes, str) else spoken.codes

    def _ids(self, pieces: Sequence[chat.Piece]) -> list[int]:
        return chat.encode(pieces, self.tokenizer, self.layout).ids


def packed(examples: Sequence[Example]) -> Example:
    """Examples end to end in one row; what a first id is learned for is not there, as it is not at a row's begin."""
    parts = tuple((len(e.ids), e.seed) for e in examples)
    row = Example("+".join(e.id for e in examples), examples[0].record, packed=parts)
    for e in examples:
        at, sounds = len(row.ids), len(row.sounds)
        row.add(e.ids)
        row.kinds[at:] = [NOTHING, *e.kinds[1:]]
        row.sounds += [replace(s, start=s.start + at) for s in e.sounds]
        for mine, theirs in ((row.guides, e.guides), (row.copies, e.copies), (row.abouts, e.abouts)):
            mine += [(position + at, tuple(p + at for p in where)) for position, where in theirs]
        for position, (sound, token) in e.echoes:
            row.echoes.append(guide.Echo(position + at, guide.Spelt(sound + sounds, token)))
    return row


def _look(example: Example, tokens: Sequence[int], first: int, stride: int) -> None:
    """Looks of a reply that repeats the end of what was asked, or that tells of a stretch of sound."""
    _add(example, guide.copied(example.source, tokens, first, stride))
    if example.stretch:
        example.abouts += [(first + j * stride, example.stretch) for j in range(len(tokens))]


def _add(example: Example, found: tuple[list[guide.Look], list[guide.Echo]]) -> None:
    example.copies += found[0]
    example.echoes += found[1]


def _says(item: Item) -> bool:
    """Whether an item of a reply holds anything."""
    if isinstance(item, Given):
        return False
    return bool(item.strip() if isinstance(item, str) else not isinstance(item, Spoken) or item.codes)
