"""What nano's language model is trained on: a mixture of tasks, drawn as a pure function of the step.

speak: read a text aloud · talk: answer aloud · answer: answer in writing · hear: write what was said.
With `real` the sound of the corpus is heard, cut into pieces of a random length of 2 to 25 s; without it a token path
stands for the sound, so that the language model can learn before its ears do.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np

from antiphon.data import world
from antiphon.data.families import SAY
from antiphon.data.record import dialogue_from_json
from antiphon.data.world import Dialogue, Turn
from antiphon.rates import MEL_HZ, PIECE_S
from recipes.corpus_nano import target_strings, target_texts
from recipes.nano.examples import (
    CHAT,
    NONE,
    SPEAK,
    TEXT,
    TRANSCRIBE,
    Builder,
    Example,
    Sound,
    Spoken,
    call_text,
    pseudo,
    spoken_by_text,
)
from recipes.nano.features import clips

MIX = {"speak": 0.30, "talk": 0.34, "answer": 0.22, "hear": 0.14}
MIX_COPY = {"speak": 0.08, "answer": 0.22, "hear": 0.70}  # first: read a path word by word
MIX_THINK = {"answer": 0.45, "sum": 0.20, "sums": 0.15, "hear": 0.20}  # words alone: facts, memory, sums
MIX_REAL = {"speak": 0.24, "talk": 0.20, "mute": 0.24, "spelt": 0.05, "answer": 0.08, "sums": 0.02, "hear": 0.17}
REAL = 0.6  # share of real sound once there are ears
POOL = 12  # batches that are made together, so that each can hold examples of one length
BATCH_TOKENS, LONGEST, STRIDE, PAGE = 1600, 544, 32, 500


def bucket(length: int) -> int:
    """The length that a batch of examples up to this long is padded to."""
    return -(-length // STRIDE) * STRIDE


def batch_size(length: int) -> int:
    """How many examples a batch holds whose longest has this length."""
    return max(1, BATCH_TOKENS // bucket(length))


class Tasks:
    """Batches of examples; every draw comes from the step's own generator."""

    def __init__(self, builder: Builder, stage: str) -> None:
        self.builder, self.real = builder, stage == "joint"
        mixes = {"copy": MIX_COPY, "speak": MIX, "think": MIX_THINK, "joint": MIX_REAL}
        real, self.mix = self.real, mixes[stage]
        self.voice = spoken_by_text()
        self.texts = sorted(self.voice) or sorted(target_texts()[0])
        self.words = [t for w in world.vocabulary() for t in builder.encode(" " + w)]
        self.sayings = [t for t in target_strings() if t in self.voice]
        self.heard = [c for c in clips("heard")] if real else []
        self.dialogues = list(conversations("dialogue")) if real else []
        self.aloud = [d for d in self.dialogues if self.speakable(d[0])]
        self.voiceless = {k: [d for d in self.dialogues if d[0].task == k] for k in ("arithmetic", "say")}
        self.pool = lru_cache(2)(self._pool)
        print(len(self.texts), "spoken texts,", len(self.sayings), "sayings,", len(self.heard), "heard,",
              len(self.dialogues), "dialogues,", len(self.aloud), "aloud", flush=True)  # fmt: skip

    def batch(self, step: int) -> list[Example]:
        """The examples of one step."""
        batches = self.pool(step // POOL)
        return batches[step % POOL % len(batches)]

    def _pool(self, number: int) -> list[list[Example]]:
        """Batches of few shapes: a matrix product of a new shape costs ten times as much as one seen before."""
        rng, mix = Random(f"pool {number} {self.real}"), self.mix
        drawn, total = [], 0
        while total < POOL * BATCH_TOKENS:
            task = rng.choices(list(mix), list(mix.values()))[0]
            example = getattr(self, task)(rng)
            if len(example.ids) <= LONGEST:
                drawn.append(example)
                total += bucket(len(example.ids))
        drawn.sort(key=lambda e: len(e.ids), reverse=True)
        batches = []
        while drawn:
            count = batch_size(len(drawn[0].ids))
            batches.append(drawn[:count])
            drawn = drawn[count:]
        if len(batches[-1]) < batch_size(len(batches[-1][0].ids)):  # the shortest few make no whole batch
            batches.pop()
        rng.shuffle(batches)
        return batches

    # --- the tasks ----------------------------------------------------------------------------------------------------

    def speak(self, rng: Random) -> Example:
        """Read a text aloud."""
        return self.reading(self.voice[rng.choice(self.texts)])

    def reading(self, spoken: Spoken) -> Example:
        example = Example(task="speak")
        self.builder.message(example, "system", SPEAK)
        self.builder.message(example, "human", spoken.text)
        last = len(example.ids) - 1  # the end of the turn, just after the text
        self.builder.spoken(example, spoken)
        length, first = len(self.builder.encode(spoken.text)), example.ids.index(self.builder.layout.tts_start)
        example.copies += [(first + 5 * j, (last - length + j,)) for j in range(length)]
        return example

    def hear(self, rng: Random) -> Example:
        """Write what was said."""
        if self.real and rng.random() < REAL:
            clip = rng.choice(self.heard)
            return self.hearing(clip.row["text"], pieces(clip.mel, rng, clip.row["text"]))
        text = rng.choice(
            [world.salad(rng, rng.randint(2, 8)), world.salad(rng, rng.randint(1, 5)), rng.choice(self.texts)]
        )
        return self.hearing(text, [self.path(text, rng)])

    def hearing(self, text: str, sounds: list[Sound]) -> Example:
        example = Example(task="hear")
        self.builder.message(example, "system", TRANSCRIBE)
        self.builder.heard(example, sounds)
        self.builder.written(example, text, sounds[0] if sounds[0].places else None)
        return example

    def talk(self, rng: Random) -> Example:
        """Answer aloud: one conversation whose replies the voice has all said."""
        if self.real and self.aloud and rng.random() < REAL:
            dialogue, mels = rng.choice(self.aloud)
            return self.conversation(dialogue, self.heard_turns(dialogue, mels, rng), rng.random() < 0.3, True)
        dialogue = self.draw(rng, True)
        return self.conversation(dialogue, [[self.path(t.user, rng)] for t in dialogue.turns], rng.random() < 0.3, True)

    def mute(self, rng: Random) -> Example:
        """Answer aloud what the voice never said: only the words are learned, between codes of something else."""
        kind = rng.choice(("arithmetic", "say"))
        if self.real and self.voiceless[kind] and rng.random() < REAL:
            dialogue, mels = rng.choice(self.voiceless[kind])
            sounds = self.heard_turns(dialogue, mels, rng)
        else:
            dialogue = world.sample(rng, kind)
            sounds = [[self.path(turn.user, rng)] for turn in dialogue.turns]
        example = Example(task="talk", about=dialogue.task)
        self.builder.message(example, "system", CHAT)
        for turn, heard in zip(dialogue.turns, sounds, strict=True):
            self.builder.heard(example, heard)
            if dialogue.task == "say" and heard[0].places:
                self.repeated(example, turn.reply, heard[0], 5, True)
            self.words_aloud(example, turn.reply, rng)
        return example.cut()

    def spelt(self, rng: Random) -> Example:
        """A few sums aloud, one after the other: `sums` where only every fifth place is a word."""
        example = Example(task="sums", about="arithmetic")
        for _ in range(5):
            reply = world.sample(rng, "arithmetic").turns[0].reply
            first = len(example.ids)
            self.words_aloud(example, reply, rng)
            given = len(self.builder.encode(reply.rsplit(" is ", 1)[0] + " is"))
            told = [i for i in range(first, len(example.ids)) if example.kind[i]][:given]
            for i in told:
                example.kind[i] = NONE
        return example.cut()

    def words_aloud(self, example: Example, text: str, rng: Random) -> None:
        """A reply whose words alone are learned, between codes of something else."""
        other = self.voice[rng.choice(self.texts)]
        self.builder.spoken(example, replace(other, text=text, words=()), words_only=True)

    def answer(self, rng: Random) -> Example:
        """Answer in writing."""
        if self.real and rng.random() < REAL:
            dialogue, mels = rng.choice(self.dialogues)
            return self.conversation(dialogue, self.heard_turns(dialogue, mels, rng), rng.random() < 0.3, False)
        dialogue = self.draw(rng, False)
        return self.conversation(
            dialogue, [[self.path(t.user, rng)] for t in dialogue.turns], rng.random() < 0.3, False
        )

    def sum(self, rng: Random) -> Example:
        """Add or subtract, in writing: short and cheap, and the pairs are many."""
        dialogue = world.sample(rng, "arithmetic")
        clean = [[pseudo(self.builder.encode(t.user), rng, self.words, 0.0)] for t in dialogue.turns]
        return self.conversation(dialogue, clean, False, False)

    def sums(self, rng: Random) -> Example:
        """A page of sums, of which only the results are learned: the densest way to learn to carry."""
        example, encode = Example(task="sums"), self.builder.encode
        example.add([self.builder.layout.bot, *encode("assistant\n")])
        while len(example.ids) < PAGE:
            head, result = world.sample(rng, "arithmetic").turns[0].reply.rsplit(" is ", 1)
            example.add(encode(f" {head} is")).add(encode(f" {result}"), TEXT)
        return example

    def heard_turns(self, dialogue: Dialogue, mels: list[np.ndarray], rng: Random) -> list[list[Sound]]:
        """The pieces of each user turn."""
        return [pieces(m, rng, t.user) for m, t in zip(mels, dialogue.turns, strict=True)]

    def draw(self, rng: Random, aloud: bool) -> Dialogue:
        """A training dialogue, one that can be spoken if need be."""
        for _ in range(60):
            dialogue = world.sample(rng)
            if dialogue.task == "say" and aloud:
                dialogue = world.say(rng.choice(self.sayings).rstrip("."), rng.choice(SAY))
                if world.split(dialogue) != "train":
                    continue
            if not aloud or self.speakable(dialogue):
                return dialogue
        return world.sample(rng, "greet")

    def speakable(self, dialogue: Dialogue) -> bool:
        return all(t in self.voice for turn in dialogue.turns for t in (turn.filler, turn.reply) if t)

    # --- the parts ----------------------------------------------------------------------------------------------------

    def conversation(self, dialogue: Dialogue, heard: list[list[Sound]], schema: bool, aloud: bool) -> Example:
        """A whole conversation; every reply is learned."""
        example, builder = Example(task="talk" if aloud else "answer", about=dialogue.task), self.builder
        builder.message(example, "system", CHAT)
        if schema or any(t.tool_call for t in dialogue.turns):
            builder.message(example, "tool_json_schemas", builder.schema)
        for turn, sounds in zip(dialogue.turns, heard, strict=True):
            builder.heard(example, sounds)
            if turn.tool_call:
                self.call(example, turn, aloud)
            if dialogue.task == "say" and sounds[0].places:
                self.repeated(example, turn.reply, sounds[0], 5 if aloud else 1, aloud)
            self.reply(example, turn.reply, aloud)
        return example

    def call(self, example: Example, turn: Turn, aloud: bool) -> None:
        """The filler and the call, then what the tool gave back."""
        if aloud:
            self.builder.spoken(example, self.voice[turn.filler], call=call_text(turn))
        else:
            self.builder.written_call(example, call_text(turn))
        self.builder.message(example, "input", turn.tool_result)

    def repeated(self, example: Example, text: str, read: Sound, step: int, aloud: bool) -> None:
        """Where each word that is said after the speaker was read: the end of the path, in order."""
        start, length = example.sounds[-1].start, len(self.builder.encode(text))
        first = len(example.ids) + len(self.builder.encode("assistant\n")) + (1 if aloud else 0)  # predicts the reply
        for j, at in enumerate(read.places[-length:]):
            if at:
                example.copies.append((first + step * j, tuple(start + p for p in at)))

    def reply(self, example: Example, text: str, aloud: bool) -> None:
        if aloud:
            self.builder.spoken(example, self.voice[text])
        else:
            self.builder.written(example, text)

    def path(self, text: str, rng: Random) -> Sound:
        """Pseudo-sound of a text; silence is blanks."""
        ids = self.builder.encode(text) if text else ()
        return pseudo(ids, rng, self.words) if text else Sound(path=(-1,) * rng.randint(2, 40))

    # --- what is measured ---------------------------------------------------------------------------------------------

    def dev_speak(self) -> tuple[list[Example], list[str]]:
        """Held-out texts to read aloud."""
        dev = spoken_dev()[::8][:36]
        return [self.reading(s) for s in dev], [s.text for s in dev]

    def dev_answers(self) -> Iterator[tuple[str, list[Example], list[Turn]]]:
        """Last turns of held-out dialogues, answered in writing."""
        for split in ("template", "slots"):
            name = f"dialogue_test_{split}"
            held = list(conversations(name))[:120] if self.real else []
            rng = Random(split)
            if not self.real:
                drawn = [world.sample(rng, None, split) for _ in range(120)]  # type: ignore[arg-type]
                made = [(d, [[self.path(t.user, rng)] for t in d.turns]) for d in drawn]
            else:
                made = [(d, [[Sound(mel=m)] for m in mels]) for d, mels in held]
            made = [m for m in made if not m[0].turns[-1].tool_call]
            yield f"answer_{split}", [self.last(d, s) for d, s in made], [d.turns[-1] for d, _ in made]

    def last(self, dialogue: Dialogue, sounds: list[list[Sound]]) -> Example:
        """A conversation whose last written reply is what is learned."""
        example = self.conversation(dialogue, sounds, False, False)
        learned = [i for i, k in enumerate(example.kind) if k]
        start = max((i for i in learned if i - 1 not in set(learned)), default=0)
        example.kind = [k if i >= start else 0 for i, k in enumerate(example.kind)]
        return example

    def dev_hear(self) -> Iterator[tuple[str, list[Example], list[str]]]:
        """Held-out speech to write down."""
        if not self.real:
            rng = Random("hear")
            texts = [world.salad(rng, rng.randint(2, 7)) for _ in range(60)]
            yield "hear_pseudo", [self.hearing(t, [self.path(t, rng)]) for t in texts], texts
            return
        for name in ("heard_dev_seen", "heard_dev_unseen", "heard_dev_awb"):
            held = list(clips(name))[:80]
            yield name, [self.hearing(c.row["text"], [Sound(mel=c.mel)]) for c in held], [c.row["text"] for c in held]


def pieces(mel: np.ndarray, rng: Random, text: str) -> list[Sound]:
    """Cut into pieces of one random length; most utterances are shorter than it and stay whole."""
    length = int(MEL_HZ * rng.uniform(2, PIECE_S))
    cuts = [mel[i : i + length] for i in range(0, max(len(mel), 1), length)]
    if len(cuts) > 1 and len(cuts[-1]) < 10:
        cuts = cuts[:-1]
    return [Sound(mel=c, text=text if len(cuts) == 1 else "") for c in cuts]


def conversations(name: str) -> Iterator[tuple[Dialogue, list[np.ndarray]]]:
    """Dialogues of the corpus with the log-mel of each user turn."""
    for clip in clips(name):
        rate = clip.row["rate"]
        spans = [(round(a * MEL_HZ / rate), round(b * MEL_HZ / rate)) for a, b in clip.row["spans"]]
        yield dialogue_from_json(clip.row["dialogue"]), [clip.mel[a:b] for a, b in spans]


@lru_cache(1)
def spoken_dev() -> list[Spoken]:
    """Held-out utterances of nano's voice."""
    made: dict[str, Any] = spoken_by_text(("target_dev",))
    return [made[t] for t in sorted(made)]
