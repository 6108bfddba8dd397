"""What is measured in the sound of replies: is it understood and sound, does it obey a manner, whose voice is it?"""

import math
from random import Random

import numpy as np
import numpy.typing as npt
import torch

from antiphon.audio.pitch import pitch
from antiphon.audio.wave import Audio
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Samples
from antiphon.data.skills import cast, replying, voices
from antiphon.data.skills.exchange import Who
from antiphon.data.skills.voices import Sung
from antiphon.data.store import Row, cut, read_index
from antiphon.eval.bench import Bench, sound_of
from antiphon.eval.figures import Figure, difference, errors, share
from antiphon.eval.held import Reply, answer
from antiphon.eval.sets import SHARD
from antiphon.metrics.signal import inspect_signal
from antiphon.metrics.speaker import cosine
from antiphon.metrics.wer import wer
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.sample import Sampling
from antiphon.runtime.session import Session
from antiphon.text.prompts import task_prompt

Embedding = npt.NDArray[np.float64]
PROMPT_TEXT = "my friend maria is from rome and she likes bread and rice. on monday we go to the big station."
OTHER_TEXT = "the small dog is brown and very happy today. please give my brother seven minutes."
TEXTS = ("my sister lives in paris now.", "my brother is very tired today.", "we eat at seven and go home at nine.")
CLONED = 20


def speech(bench: Bench) -> list[Figure]:
    """Held-out texts read aloud, by a judge that knows nothing of nano, against the engine that taught it."""
    texts, heard, truth, whole = [], [], [], []
    for case in bench.cases("speech-en"):
        reply = bench.hold(case, aloud=True)[0]
        texts.append(case.made.turns[0].reply)
        heard.append(bench.judge(sound_of(reply), "en") if reply.audio is not None else "")
        truth.append(bench.judge(_engine(bench, case.row), "en"))
        whole.append(reply.audio is not None and reply.finish == "stop" and not _problems(reply))
    note = f"heard by {bench.judge_name}"
    nano, engine = errors("speech: WER", wer(texts, heard), note=note), errors("the engine's: WER", wer(texts, truth))
    return [nano, engine, difference("speech against the engine's", nano, engine, 0.08, note),
            share("speech without seams, loops, truncations", whole, 1.0)]  # fmt: skip


def _problems(reply: Reply) -> tuple[str, ...]:
    assert reply.audio is not None
    return inspect_signal(reply.audio, SPOKEN_HZ, reply.joints).problems


def _engine(bench: Bench, row: Row) -> Audio:
    """The same text by the engine, from the set itself."""
    place = bench.folder / "speech-en" / "spoken"
    shard = row["number"] // SHARD
    found = read_index(place, shard)[row["turns"][0]["reply"]]
    sound = np.load(place / f"{shard:05d}.npy", mmap_mode="r")
    return Audio(torch.from_numpy(cut(sound, found["offset"], found["length"]))[None], found["rate"])


# --- manners ---------------------------------------------------------------------------------------------------------


def manner(bench: Bench) -> list[Figure]:
    """Obeyed, by measure: against the same words in the same voice without a manner."""
    found = dict[str, list[bool]]()
    for case, replies in bench.held("manner", aloud=True):
        turn, reply = case.made.turns[0], replies[0]
        plain = _read(bench, turn.reply) if reply.audio is not None else None
        obeyed = plain is not None and reply.audio is not None and _obeys(turn.manner, reply.audio, plain)
        found.setdefault(turn.manner, []).append(obeyed)
    every = [one for group in found.values() for one in group]
    return [share("manner obeyed", every, 0.90), *(share(f"manner: {name}", group) for name, group in found.items())]


def _read(bench: Bench, text: str, voice: Audio | None = None) -> Samples | None:
    session = Session(bench.model, system=task_prompt("speak").system, tools=(), voice=voice, sampling=Sampling())
    return answer(session.reply(text, speech=True)).audio


def _obeys(asked: str, audio: Samples, plain: Samples) -> bool:
    longer = len(audio) / len(plain)
    hz, plain_hz = _hz(audio), _hz(plain)
    louder_db = 10 * math.log10((float(np.mean(audio**2)) + 1e-9) / (float(np.mean(plain**2)) + 1e-9))
    return {
        "fast": longer < 0.85,
        "slow": longer > 1.18,
        "whisper": _voiced(audio) < 0.5 * _voiced(plain),
        "happy": hz > 1.04 * plain_hz and longer < 1.05,
        "sad": hz < 1.02 * plain_hz and longer > 1.05 and louder_db < 0,
    }[asked]


def _hz(audio: Samples) -> float:
    found = pitch(torch.from_numpy(audio)).numpy()
    return float(np.median(found[found > 0])) if (found > 0).any() else 0.0


def _voiced(audio: Samples) -> float:
    found = pitch(torch.from_numpy(audio)).numpy()
    return float((found > 0).mean()) if len(found) else 0.0


# --- voices ----------------------------------------------------------------------------------------------------------


def voice(bench: Bench) -> list[Figure]:
    """The voice of the prompt ranks first among nano's sixteen; a cloned voice is nearer than the nearest of them.

    Similarity is that of the model's own speaker net; the judged recordings of a voice say other words than its prompt.
    """
    presets = {name: languages["en"] for name, languages in voices.presets().items()}
    prompts, others = (_recordings(presets, text) for text in (PROMPT_TEXT, OTHER_TEXT))
    known = {name: _embedding(bench, sound) for name, sound in others.items()}
    first = []
    for name, prompt in list(prompts.items())[: bench.limit]:
        for text in TEXTS:
            said = _read(bench, text, prompt)
            first.append(said is not None and _nearest(_embedding(bench, _recording(said)), known) == name)
    strangers = {str(n): _stranger(n) for n in range(min(CLONED, bench.limit or CLONED))}
    clips, again = (_recordings(strangers, text) for text in (PROMPT_TEXT, OTHER_TEXT))
    beaten = []
    for name, clip in clips.items():
        truth, said = _embedding(bench, again[name]), _read(bench, TEXTS[0], clip)
        near = max(cosine(truth, embedding) for embedding in known.values())
        beaten.append(said is not None and cosine(truth, _embedding(bench, _recording(said))) > near)
    return [share("voice: the prompt's ranks first of sixteen", first, 0.95),
            share("voice: a clone beats the nearest preset", beaten, 0.80)]  # fmt: skip


def _stranger(number: int) -> Sung:
    """A voice that training never casts: the recorded one, then made ones."""
    if number == 0:
        return Sung(engine=cast.STRANGER[0], voice=cast.STRANGER[1])
    every = {cast.MADE: tuple(catalogue.find(cast.MADE).voices)}
    found = cast.speaker(Random(f"clone {number}"), Who(style="modal", speed="normal"), "en", "unseen", every,
                         {cast.MADE: 1.0}, free=False)  # fmt: skip
    return Sung(engine=found.engine, voice=found.voice, controls=found.controls)


def _recordings(people: dict[str, Sung], text: str) -> dict[str, Audio]:
    wanted = [replying.Saying(text, "en", "plain", name, sung) for name, sung in people.items()]
    said = replying.speak(wanted, SPOKEN_HZ)
    return {name: _recording(speech.audio) for name, speech in zip(people, said, strict=True)}


def _recording(samples: Samples) -> Audio:
    return Audio(torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))[None], SPOKEN_HZ)


def _embedding(bench: Bench, sound: Audio) -> Embedding:
    made = bench.model.voice
    assert made is not None, "a model that speaks"
    found: Embedding = made.prepare(sound).speaker.flatten().double().numpy()
    return found


def _nearest(one: Embedding, known: dict[str, Embedding]) -> str:
    return max(known, key=lambda name: cosine(one, known[name]))
