"""All that the curriculum of nano learns from, made in one folder: corpus, records, lexicon.

    FOLDER/corpus/SET/     shards of sound (the codes of nano's voice are written beside them when they are asked for)
    FOLDER/corpus/voices/      short readings by very many voices
    FOLDER/corpus/skills-N/    what the skills are learnt from: `shards` are heard, `spoken` is what nano says
    FOLDER/*.jsonl         records of each task     FOLDER/lexicon.json  how the voice says each word

Whatever is there is not made again. Small is a minute's worth, for a smoke run; otherwise the corpus is the one of
`recipes.corpus_nano`, which may have been made before, in several processes (`--out FOLDER/corpus`).
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import torch

from antiphon.data import synth, world
from antiphon.data.skills import voices
from antiphon.data.store import has_shard, read_index, shard_numbers, write_shard
from antiphon.rates import HEARD_HZ
from antiphon.train.records import write_records
from recipes import corpus_nano
from recipes.nano import many_voices, phrasebook, records, skill_records, skill_traits, skills

NO_PHONE = re.compile(r"[(_]")  # marks of an engine: a change of language, a pause
SMALL_TEXTS = 20  # sentences of the voice, and sounds to hear
FOREIGN = 2000  # sums that are spoken in Chinese


def prepare(folder: Path, small: bool) -> None:
    """Make what is missing of the curriculum's data."""
    torch.set_num_threads(1)
    corpus = folder / "corpus"
    make_small(corpus) if small else corpus_nano.make_sets(["target", "hearing"], corpus, 0, 1)
    many_voices.make(corpus, many_voices.SMALL if small else many_voices.Crowd())
    make_foreign(corpus, 6 if small else FOREIGN)
    parts = make_skills(folder, small)
    write_lexicon(corpus, folder / "lexicon.json")
    if not (folder / "traits.jsonl").exists():
        skill_traits.write_traits(corpus, parts, folder / "traits.jsonl")
    of_world = records.all_records(corpus, small)
    of_skills = skill_records.all_records(corpus, parts, skills.DEV_SETS, 40 if small else skill_records.WRITTEN)
    every = of_world | of_skills | {"dev.jsonl": chain(of_world["dev.jsonl"], of_skills["dev.jsonl"])}
    for name, made in every.items():
        if not (folder / name).exists():
            write_records(folder / name, made)


def make_small(corpus: Path) -> None:
    """A few seconds of every set of the corpus."""
    rng = Random("small")
    dialogues = [world.sample(rng, task) for task in ("greet", "fact", "tool", "memory")]
    asked = [*dialogues, *(world.sample(rng, task) for task in records.VOICELESS)]
    texts = [t for d in dialogues for turn in d.turns for t in (turn.filler, turn.reply) if t]
    texts += [world.sample(rng, "arithmetic").turns[0].reply for _ in range(6)]
    texts += [world.sentences(rng) for _ in range(SMALL_TEXTS - len(texts))]
    heard = texts[: SMALL_TEXTS // 2] + texts[-SMALL_TEXTS // 2 :]  # the lexicon knows their words
    makers = {
        "target": (corpus_nano.TARGET_HZ, lambda: corpus_nano.target_shard(tuple(dict.fromkeys(texts)))),
        "target_dev": (corpus_nano.TARGET_HZ, lambda: corpus_nano.target_shard((world.sentences(rng), "good day."))),
        "heard": (HEARD_HZ, lambda: corpus_nano.heard_shard(tuple(heard), quick_voice, "small")),
        "heard_dev_seen": (HEARD_HZ, lambda: corpus_nano.heard_shard(tuple(heard[:4]), quick_voice, "small dev")),
        "dialogue": (HEARD_HZ, lambda: corpus_nano.dialogue_shard(asked, quick_voice, "small")),
        "dialogue_test_slots": (HEARD_HZ, lambda: corpus_nano.dialogue_shard(dialogues[:2], quick_voice, "small dev")),
    }
    for name, (rate, make) in makers.items():
        if not has_shard(corpus / name, 0):
            write_shard(corpus / name, 0, make(), rate)


def quick_voice(rng: Random) -> synth.Voice:
    """A voice of the engine that starts at once."""
    return rng.choice([voice for voice in synth.seen_voices() if voice.engine == "espeak"])


def make_foreign(corpus: Path, count: int) -> None:
    """Sums that the voice has told in English, spoken in Chinese."""
    if has_shard(corpus / "foreign", 0):
        return
    told = [row["text"] for n in shard_numbers(corpus / "target") for row in read_index(corpus / "target", n)]
    pairs = [(text, chinese) for text in told if (chinese := phrasebook.to_chinese(text))][:count]
    rng = Random("foreign")
    items = []
    for english, chinese in pairs:
        speech = synth.speak_all([chinese], phrasebook.chinese_voice(rng))[0]
        items.append(({"text": chinese, "english": english}, corpus_nano.heard_sound(speech, rng)))
    write_shard(corpus / "foreign", 0, items, HEARD_HZ)


def make_skills(folder: Path, small: bool) -> list[str]:
    """Every part of the skills' corpus, and what is held out of it; the names of the parts."""
    if small:
        skills.make_small(folder)
    for number in range(0 if small else skills.PARTS):
        skills.make(folder, number, None, workers=1)
    return sorted(path.name for path in (folder / "corpus").glob("skills-[0-9]*"))


def write_lexicon(corpus: Path, path: Path) -> None:
    """How nano's own voice says each word and each Chinese character, most often; silence is the first phone.

    Chinese is said by another engine, so its phones are others.
    """
    if path.exists():
        return
    counted: dict[str, Counter[tuple[str, ...]]] = {}
    for row in own_rows(corpus):
        mark = "" if row.get("language", "en") == "en" else f"{row['language']} "
        for word, start, end in row["words"]:
            middles = ((p, (a + b) / 2) for p, a, b in row["phones"] if p != "pau" and not NO_PHONE.match(p))
            said = tuple(mark + p for p, at in middles if start <= at < end)
            counted.setdefault(word.lower(), Counter())[said] += 1
    words = {word: list(forms.most_common(1)[0][0]) for word, forms in sorted(counted.items())}
    phones = sorted({phone for said in words.values() for phone in said})
    path.write_text(json.dumps({"phones": ["pau", *phones], "words": words}), encoding="utf-8")


def own_rows(corpus: Path) -> Iterator[dict[str, Any]]:
    """What nano's own voice says, in both languages, with the times of words and phones."""
    for n in shard_numbers(corpus / "target"):
        yield from read_index(corpus / "target", n)
    for folder in sorted(corpus.glob("skills-[0-9]*/spoken")):
        for n in shard_numbers(folder):
            rows = read_index(folder, n)
            yield from (row for row in rows if row["fields"] == {"manner": "plain", "preset": voices.OWN})
