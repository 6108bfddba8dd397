"""Make nano's speech corpus: its voice, the voices it hears, and whole dialogues, all synthetic and free.

    python recipes/corpus_nano.py target hearing --out runs/corpus --part 0 2     # half of the shards

Sets, each a folder of shards (see antiphon.data.store); a shard that is there is not made again:

  target:
    target                24 kHz, the one voice that nano speaks with, word and phone times; target_dev: unheard texts
  hearing:
    heard                 16 kHz, many voices; heard_dev_seen, heard_dev_unseen, heard_dev_awb: unheard texts
    dialogue              16 kHz, questions of training dialogues; dialogue_test_*: unheard wordings, fillings, voices

Needs the Debian packages named in antiphon.data.synth.LICENCES, and scipy.
"""

import argparse
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from antiphon.data import synth, world
from antiphon.data.record import dialogue_to_json
from antiphon.data.store import Row, has_shard, write_shard
from antiphon.data.synth import Samples, Speech, Voice

log = logging.getLogger("antiphon.recipes.corpus")

TARGET_HZ, HEARD_HZ = 24_000, 16_000
PEAK = 0.6
LEAD_S, TAIL_S = 0.060, 0.100  # kept around the first and last phone of the target voice


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """How much to make. One shard of `target` is about a quarter of an hour."""

    seed: int = 20
    shard: int = 500
    target: int = 9_500
    target_first: int = 3_000
    target_salad: int = 8_000  # besides: words in an order that nobody says are what is read aloud worst
    known: int = 20_000  # replies drawn to find what the held-out texts must avoid
    heard: int = 15_500
    heard_salad: int = 12_000  # besides: what cannot be guessed must be heard
    dialogues: int = 14_000
    dev: int = 300
    dev_awb: int = 150
    salad: float = 0.25


RUN = Corpus()


# --- texts -----------------------------------------------------------------------------------------------------------


def salad_text(rng: Random, least: int, most: int) -> str:
    """Random words, now and then with a comma among them."""
    words = world.salad(rng, rng.randint(least, most)).split()
    if len(words) > 3 and rng.random() < 0.2:
        words[rng.randrange(1, len(words) - 1)] += ","
    return " ".join(words)


def reply_text(rng: Random, split: world.Split = "train") -> str:
    """Something that nano says in a dialogue."""
    dialogue = world.sample(rng, split=split)
    said = [text for turn in dialogue.turns for text in (turn.filler, turn.reply) if text]
    return rng.choice(said)


def user_text(rng: Random, split: world.Split = "train") -> str:
    """Something that is said to nano in a dialogue."""
    while True:
        said = [turn.user for turn in world.sample(rng, split=split).turns if turn.user]
        if said:
            return rng.choice(said)


def distinct(draw: Callable[[], str], count: int, taken: set[str]) -> list[str]:
    """Draw texts that are not taken yet, and take them."""
    found: list[str] = []
    while len(found) < count:
        text = draw()
        if text not in taken:
            taken.add(text)
            found.append(text)
    return found


@cache
def target_texts() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the training and the held-out texts of the voice, without a text in common."""
    rng = Random(RUN.seed)
    taken = {reply_text(rng) for _ in range(RUN.known)}  # what training may say is never held out
    third = RUN.dev // 3
    dev = distinct(lambda: reply_text(rng, "slots"), third, taken)
    dev += distinct(lambda: salad_text(rng, 3, 9), third, taken)
    dev += distinct(lambda: world.sentences(rng), third, taken)

    def draw(sentences: float, sums: float) -> str:
        chance = rng.random() - RUN.salad
        if chance < 0:
            return salad_text(rng, 3, 9)
        if chance < sentences:
            return world.sentences(rng)
        return world.sample(rng, "arithmetic").turns[0].reply if chance < sentences + sums else reply_text(rng)

    taken = set(dev)
    train = distinct(lambda: draw(0.20, 0.0), RUN.target_first, taken)  # everything there is, evenly
    train += distinct(lambda: draw(0.10, 0.25), RUN.target - len(train), taken)  # then many more sums
    train += distinct(lambda: salad_text(rng, 2, 9), RUN.target_salad, taken)
    return tuple(train), tuple(dev)


@cache
def heard_texts() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the training texts (a question may come again in other voices) and the held-out texts of hearing."""
    rng = Random(RUN.seed + 1)
    train = []
    for _ in range(RUN.heard):
        chance = rng.random()
        train.append(
            salad_text(rng, 2, 8) if chance < 0.30 else world.sentences(rng) if chance < 0.45 else user_text(rng)
        )
    taken, dev = set(train), []
    for draw, count in (
        (lambda: user_text(rng, rng.choice(("template", "slots"))), RUN.dev * 2 // 5),
        (lambda: salad_text(rng, 2, 8), RUN.dev * 2 // 5),
        (lambda: world.sentences(rng), RUN.dev // 5),
    ):
        dev += distinct(draw, count, taken)

    def unguessable() -> str:
        return salad_text(rng, 2, 8) if rng.random() < 0.5 else world.sample(rng, "say").turns[0].user

    train += distinct(unguessable, RUN.heard_salad, taken)
    Random(RUN.seed + 2).shuffle(dev)
    return tuple(train), tuple(dev)


# --- sound -----------------------------------------------------------------------------------------------------------


def resample(audio: Samples, rate: int, wanted: int) -> Samples:
    """Resample by a polyphase filter; rates are whole numbers of Hz."""
    if rate == wanted:
        return audio
    common = int(np.gcd(rate, wanted))
    resampled: Samples = resample_poly(audio, wanted // common, rate // common).astype(np.float32)
    return resampled


def target_item(text: str, speech: Speech) -> tuple[Row, Samples]:
    """Cut the target voice to its speech at 24 kHz, and move its alignments along."""
    spoken = [span for span in speech.phones if span[0] != "pau"]
    audio = resample(speech.audio, speech.rate, TARGET_HZ)
    start = max(0, round((spoken[0][1] - LEAD_S) * TARGET_HZ))
    end = min(len(audio), round((spoken[-1][2] + TAIL_S) * TARGET_HZ))
    audio = audio[start:end]
    length_s = len(audio) / TARGET_HZ

    def moved(spans: tuple[synth.Span, ...]) -> list[list[str | float]]:
        shift = start / TARGET_HZ
        return [
            [what, round(max(a - shift, 0.0), 4), round(min(b - shift, length_s), 4)]
            for what, a, b in spans
            if b > shift and a - shift < length_s
        ]

    row: Row = {"text": text, "voice": synth.TARGET.id, "words": moved(speech.words), "phones": moved(speech.phones)}
    return row, audio * (PEAK / max(float(np.abs(audio).max()), 1e-4))


def heard_sound(speech: Speech, rng: Random) -> Samples:
    """What a microphone gets: 16 kHz, silence of 0.05 to 0.4 s on both sides, any loudness."""
    audio = resample(speech.audio, speech.rate, HEARD_HZ)
    audio = audio * (10 ** rng.uniform(-1.1, -0.05) / max(float(np.abs(audio).max()), 1e-4))
    silence = [np.zeros(round(rng.uniform(0.05, 0.4) * HEARD_HZ), np.float32) for _ in range(2)]
    return np.concatenate([silence[0], audio, silence[1]]).astype(np.float32)


def nothing_sound(rng: Random) -> Samples:
    """Half a second to three seconds without speech: silence, or noise whose power falls with frequency or not."""
    count = round(rng.uniform(0.5, 3.0) * HEARD_HZ)
    level = 0.0 if rng.random() < 0.3 else 10 ** rng.uniform(-3.5, -1.3)
    noise = np.random.default_rng(rng.randrange(2**32)).standard_normal(count)
    spectrum = np.fft.rfft(noise) / np.maximum(np.arange(count // 2 + 1), 1) ** rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, count)
    sound: Samples = (level * noise / noise.std()).astype(np.float32)
    return sound


def seen_voice(rng: Random) -> Voice:
    """Draw an engine, then one of its voices."""
    engine = rng.choices(("espeak", "flite", "festival"), (0.62, 0.22, 0.16))[0]
    return rng.choice([voice for voice in synth.seen_voices() if voice.engine == engine])


def unseen_voice(rng: Random) -> Voice:
    return rng.choice(synth.unseen_voices())


def awb_voice(rng: Random) -> Voice:
    return synth.AWB


def varied(voice: Voice, rng: Random, festival_speed: float) -> Voice:
    """Change speed and pitch a little; festival speaks a whole shard with one speed, since it loads per process."""
    if voice.engine == "festival":
        return replace(voice, speed=festival_speed)
    return replace(voice, speed=round(rng.uniform(0.85, 1.2), 3), pitch=round(rng.uniform(0.85, 1.2), 3))


def spoken_by(texts: list[str], voices: list[Voice]) -> list[Speech]:
    """Speak each text with its voice; equal voices share one call of the engine."""
    groups: dict[Voice, list[int]] = {}
    for index, voice in enumerate(voices):
        groups.setdefault(voice, []).append(index)
    said: dict[int, Speech] = {}
    for voice, indices in groups.items():
        said.update(zip(indices, synth.speak_all([texts[index] for index in indices], voice), strict=True))
    return [said[index] for index in range(len(texts))]


def voice_fields(voice: Voice) -> Row:
    return {"voice": voice.id, "speed": voice.speed, "pitch": voice.pitch}


# --- sets ------------------------------------------------------------------------------------------------------------

Shard = list[tuple[Row, npt.NDArray[np.float32]]]
Job = tuple[str, int, int, Callable[[], Shard]]  # set, shard number, rate, how to make it


def target_shard(texts: tuple[str, ...]) -> Shard:
    said = synth.speak_all(list(texts), synth.TARGET)
    return [target_item(text, speech) for text, speech in zip(texts, said, strict=True)]


def heard_shard(texts: tuple[str, ...], draw: Callable[[Random], Voice], seed: str) -> Shard:
    rng = Random(seed)
    speed = round(rng.uniform(0.85, 1.2), 3)
    voices = [varied(draw(rng), rng, speed) for _ in texts]
    said = spoken_by(list(texts), voices)
    return [
        ({"text": text, **voice_fields(voice)}, heard_sound(speech, rng))
        for text, voice, speech in zip(texts, voices, said, strict=True)
    ]


@cache
def target_replies() -> frozenset[str]:
    return frozenset(target_texts()[0])


def spoken_replies(dialogue: world.Dialogue) -> bool:
    """Whether the target set holds all that nano says in a dialogue."""
    return all(text in target_replies() for turn in dialogue.turns for text in (turn.filler, turn.reply) if text)


def train_dialogues(rng: Random, count: int) -> list[world.Dialogue]:
    """Draw training dialogues, of which three in four have all replies in the target set."""
    found = []
    for _ in range(count):
        dialogue, wanted = world.sample(rng), rng.random() < 0.75
        while wanted and not spoken_replies(dialogue):
            dialogue = world.sample(rng, dialogue.task)
            if dialogue.task == "say":  # repeat what the voice has said already
                dialogue = say_target(rng, dialogue)
        found.append(dialogue)
    return found


@cache
def target_strings() -> tuple[str, ...]:
    return tuple(text for text in target_texts()[0] if "," not in text and 2 <= len(text.split()) <= 7)


def say_target(rng: Random, like: world.Dialogue) -> world.Dialogue:
    """A request to repeat a text of the target set, worded as another one; kept to training by the caller's split."""
    while True:
        made = world.say(rng.choice(target_strings()).rstrip("."), like.turns[0].template)
        if world.split(made) == "train":
            return made


def dialogue_shard(dialogues: list[world.Dialogue], draw: Callable[[Random], Voice], seed: str) -> Shard:
    """One row per dialogue; its turns lie end to end in one voice, `spans` gives each turn's samples in the row."""
    rng = Random(seed)
    speed = round(rng.uniform(0.85, 1.2), 3)
    voices = [varied(draw(rng), rng, speed) for _ in dialogues]
    turns = [(turn.user, voice) for d, voice in zip(dialogues, voices, strict=True) for turn in d.turns if turn.user]
    said = iter(spoken_by([text for text, _ in turns], [voice for _, voice in turns]))
    items: Shard = []
    for dialogue, voice in zip(dialogues, voices, strict=True):
        sounds = [heard_sound(next(said), rng) if turn.user else nothing_sound(rng) for turn in dialogue.turns]
        ends = np.cumsum([0, *(len(sound) for sound in sounds)]).tolist()
        row: Row = {
            "dialogue": dialogue_to_json(dialogue),
            "spans": [list(span) for span in zip(ends, ends[1:], strict=False)],
            "spoken": spoken_replies(dialogue),
            **voice_fields(voice),
        }
        items.append((row, np.concatenate(sounds)))
    return items


def sliced(
    name: str, texts: tuple[str, ...], make: Callable[[tuple[str, ...], int], Shard], rate: int
) -> Iterator[Job]:
    for number, start in enumerate(range(0, len(texts), RUN.shard)):
        part = texts[start : start + RUN.shard]
        yield name, number, rate, lambda part=part, number=number: make(part, number)  # type: ignore[misc]


def target_jobs() -> Iterator[Job]:
    train, dev = target_texts()
    jobs = list(sliced("target", train, lambda part, _: target_shard(part), TARGET_HZ))
    yield from jobs[:2]
    yield from sliced("target_dev", dev, lambda part, _: target_shard(part), TARGET_HZ)
    yield from jobs[2:]


def heard_jobs() -> Iterator[Job]:
    train, dev = heard_texts()
    for name, texts, draw in (
        ("heard_dev_seen", dev, seen_voice),
        ("heard", train, seen_voice),
        ("heard_dev_unseen", dev, unseen_voice),
        ("heard_dev_awb", dev[: RUN.dev_awb], awb_voice),
    ):

        def make(part: tuple[str, ...], number: int, name: str = name, draw: Callable[..., Voice] = draw) -> Shard:
            return heard_shard(part, draw, f"{RUN.seed} {name} {number}")

        yield from sliced(name, texts, make, HEARD_HZ)


def dialogue_jobs() -> Iterator[Job]:
    def test(name: str, count: int, draw: Callable[[Random], Voice], task: str | None, split: world.Split) -> Job:
        def make() -> Shard:
            rng = Random(f"{RUN.seed} {name}")
            return dialogue_shard([world.sample(rng, task, split) for _ in range(count)], draw, f"{RUN.seed} {name} v")

        return name, 0, HEARD_HZ, make

    yield test("dialogue_test_template", 200, seen_voice, None, "template")
    yield test("dialogue_test_slots", 200, seen_voice, None, "slots")
    yield test("dialogue_test_template_unseen", 100, unseen_voice, None, "template")
    yield test("dialogue_test_slots_unseen", 100, unseen_voice, None, "slots")
    yield test("dialogue_test_say", 100, seen_voice, "say", "slots")
    for number in range(-(-RUN.dialogues // RUN.shard)):

        def make(number: int = number) -> Shard:
            rng = Random(f"{RUN.seed} dialogue {number}")
            return dialogue_shard(train_dialogues(rng, RUN.shard), seen_voice, f"{RUN.seed} dialogue {number} v")

        yield "dialogue", number, HEARD_HZ, make


def hearing_jobs() -> Iterator[Job]:
    """Five hours of hearing first, then dialogues and the rest of hearing by turns, so that both are usable early."""
    heard, dialogues = list(heard_jobs()), list(dialogue_jobs())
    yield from heard[:14]
    for turn, pair in enumerate(zip_longest(dialogues, heard[14:])):
        yield from (job for job in (pair if turn % 2 == 0 else pair[::-1]) if job is not None)


SETS: dict[str, Callable[[], Iterator[Job]]] = {"target": target_jobs, "hearing": hearing_jobs}


def make_sets(names: list[str], out: Path, part: int, parts: int) -> None:
    """Make the missing shards of some sets; of `parts` processes, each makes every `parts`-th shard."""
    jobs = [job for name in names for job in SETS[name]()]
    for folder, number, rate, make in jobs[part::parts]:
        if has_shard(out / folder, number):
            continue
        start = time.monotonic()
        seconds = write_shard(out / folder, number, make(), rate) / rate
        took = time.monotonic() - start
        log.info("%s %05d: %.0f s of sound in %.0f s (%.0fx)", folder, number, seconds, took, seconds / took)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make nano's speech corpus.")
    parser.add_argument("sets", nargs="+", choices=sorted(SETS))
    parser.add_argument("--out", type=Path, default=Path("runs/corpus"))
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), metavar=("THIS", "OF"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    make_sets(arguments.sets, arguments.out, *arguments.part)


if __name__ == "__main__":
    main()
