"""Conversations as sound: everything is a function of (seed, number), resumable by the queue of `antiphon.data.corpus`.

    shards/    16 kHz, a row for each conversation: what is heard, turn after turn, with `spans`, and the conversation
    spoken/    24 kHz, a row for each thing that nano says in it; `turns` of a conversation tell which rows they are

A conversation in which a voice came out unfit is drawn anew, as its next attempt.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random

import numpy as np

from antiphon.data import filters
from antiphon.data.clips import Kept, Refused, Row, person
from antiphon.data.engines import catalogue as engines
from antiphon.data.engines.protocol import Samples, Speech, Utterance
from antiphon.data.prosody import marked
from antiphon.data.shaping import asked, finished
from antiphon.data.skills import replying, rows, voices
from antiphon.data.skills.cast import Performance, Voices, performance, speaker
from antiphon.data.skills.catalogue import ENGLISH
from antiphon.data.skills.exchange import Conversation, Part, Who
from antiphon.data.skills.replying import Saying
from antiphon.data.skills.scenery import Laid, Voiced, around, lay
from antiphon.data.skills.spec import SkillSpec
from antiphon.data.speakers import Speaker
from antiphon.data.vocal import Person
from antiphon.errors import ConfigError

MOST_ATTEMPTS = 12
LEVEL_DB = (-14.0, -5.0)  # of the largest sample of a neutral voice
LOUDEST = 0.95
FREE = frozenset({"transcribe", "translate", "interpret", "talk", "call"})  # voices may vary: only words matter
CLEAR = ("clean", "room")  # where a sound is asked for, nothing may be mistaken for it
CALM = ("clean", "room", "noise")  # where a manner is
WRITTEN = frozenset({"transcribe", "translate"})  # whose replies are never spoken
NOTHING_S = 0.3  # of silence, where nothing is heard: a row has sound


@dataclass(frozen=True, kw_only=True)
class Take:
    """One attempt at a conversation: all that is decided before anything is said."""

    number: int
    attempt: int
    made: Conversation
    performances: dict[tuple[int, int], Performance]  # by turn and part
    sayings: Sequence[tuple[Saying | None, Saying]]  # of each turn; none where replies are not spoken
    around: str
    level: float


def take(spec: SkillSpec, able: Voices, number: int, attempt: int) -> Take:
    """Decide on a conversation."""
    name = f"{spec.seed} {spec.name} {spec.split} {spec.cast}"
    rng = Random(f"{name} conversation {number} {attempt}")
    made = _drawn(spec, rng)
    performances = _cast(spec, able, made, rng)
    preset = rng.choice(list(voices.presets())[1:]) if rng.random() < spec.presets else voices.OWN
    kinds = _around(spec, made)
    return Take(
        number=number,
        attempt=attempt,
        made=made,
        performances=performances,
        sayings=replying.sayings(made, rng, preset) if spec.aloud and made.task not in WRITTEN else (),
        around=rng.choices(list(kinds), list(kinds.values()))[0],
        level=10 ** (rng.uniform(*LEVEL_DB) / 20),
    )


def _drawn(spec: SkillSpec, rng: Random) -> Conversation:
    tasks = list(dict.fromkeys(skill.task for skill in spec.skills))
    task = rng.choices(tasks, [spec.tasks[name] for name in tasks])[0]
    able = [skill for skill in spec.skills if skill.task == task]
    languages = list(dict.fromkeys(skill.language for skill in able))
    language = rng.choices(languages, [ENGLISH if name == "en" else 1 - ENGLISH for name in languages])[0]
    return rng.choice([skill for skill in able if skill.language == language]).draw(rng, spec.split)


def _cast(spec: SkillSpec, able: Voices, made: Conversation, rng: Random) -> dict[tuple[int, int], Performance]:
    """A voice for everybody, the same wherever they speak, and how each stretch is said."""
    free = made.task in FREE
    spoken = [(t, p, part) for t, turn in enumerate(made.turns) for p, part in enumerate(turn.heard)]
    people = dict[tuple[str, str], Speaker]()
    found = dict[tuple[int, int], Performance]()
    for t, p, part in spoken:
        if part.kind != "speech":
            continue
        key = (part.who.name, part.language)
        while key not in people:
            who = _merged(other.who for _, _, other in spoken if other.who.name == part.who.name)
            drawn = speaker(rng, who, part.language, spec.cast, able, spec.engines, free)
            alike = [other for (name, _), other in people.items() if name != part.who.name and spec.cast != "strange"]
            if all(drawn.id != other.id and _apart(drawn, other) for other in alike):
                people[key] = drawn
        found[t, p] = performance(rng, people[key], part.who, free)
    return found


def _apart(one: Speaker, other: Speaker) -> bool:
    """Whether two people of a conversation do not share a recorded voice."""
    made = engines.voice(one.engine, one.voice).gender == "any"
    return made or (one.engine, one.voice) != (other.engine, other.voice)


def _merged(whos: Iterable[Who]) -> Who:
    """What all parts of one person ask for."""
    merged = dict[str, str]()
    for who in whos:
        merged |= {name: value for name, value in asdict(who).items() if value and not merged.get(name)}
    return Who(**merged)


def _around(spec: SkillSpec, made: Conversation) -> dict[str, float]:
    """The surroundings that hide nothing of what is asked."""
    sounds = any(part.kind not in ("speech", "vocal") for turn in made.turns for part in turn.heard)
    able = CLEAR if sounds else tuple(spec.around) if made.task in FREE else CALM
    kinds = {name: share for name, share in spec.around.items() if name in able and share > 0}
    return kinds or {"clean": 1.0}


# --- sound -----------------------------------------------------------------------------------------------------------


def make(spec: SkillSpec, able: Voices, numbers: Iterable[int]) -> dict[str, list[Kept]]:
    """The conversations of a shard, and what nano says in them, each set in its order.

    Raises:
        ConfigError: a conversation was refused too often, or a voice of nano's is not here.
    """
    waiting = {number: take(spec, able, number, 0) for number in numbers}
    order, refused, done = list(waiting), dict[int, list[Refused]](), dict[int, tuple[Take, list[Voiced | None]]]()
    said = dict[Saying, Speech]()
    while waiting:
        _say_replies(list(waiting.values()), said, spec)
        heard = _say_parts(list(waiting.values()), spec)
        for number, one in list(waiting.items()):
            if reasons := _faults(spec, one, heard[number], said):
                tried = refused.setdefault(number, [])
                tried.append(_refused(one, reasons))
                if len(tried) == MOST_ATTEMPTS:
                    raise ConfigError(f"conversation {number} of {spec.name} was refused {MOST_ATTEMPTS} times, last "
                                      f"because it is {', '.join(reasons)}; change its engines.")  # fmt: skip
                waiting[number] = take(spec, able, number, len(tried))
            else:
                done[number] = (one, heard[number])
                del waiting[number]
    wanted = dict.fromkeys(s for number in order for pair in done[number][0].sayings for s in pair if s)
    places = {saying: n for n, saying in enumerate(wanted)}
    return {
        "spoken": [_spoken(spec, order[0], n, saying, said[saying]) for saying, n in places.items()],
        "shards": [_heard(spec, *done[number], places, refused.get(number, [])) for number in order],
    }


def _say_replies(takes: Sequence[Take], said: dict[Saying, Speech], spec: SkillSpec) -> None:
    """Say what is not said yet."""
    wanted = [s for one in takes for pair in one.sayings for s in pair if s is not None and s not in said]
    wanted = list(dict.fromkeys(wanted))
    for saying in wanted:
        if not engines.find(saying.voice.engine).has(saying.voice.made):
            raise ConfigError(f"nano speaks as {saying.voice.engine}-{saying.voice.voice} and the Debian package "
                              f"{saying.voice.made.package} is not here; install it.")  # fmt: skip
    said |= dict(zip(wanted, replying.speak(wanted, spec.rates["spoken"]), strict=True))


def _say_parts(takes: Sequence[Take], spec: SkillSpec) -> dict[int, list[Voiced | None]]:
    """Say the parts of all conversations, each engine's at one time; in the order of turns and parts."""
    jobs = [(one, place, part) for one in takes for place, part in _parts(one.made)]
    found = dict[tuple[int, tuple[int, int]], Voiced]()
    speaking = [(one, place, part, one.performances[place]) for one, place, part in jobs if part.kind == "speech"]
    for name in dict.fromkeys(how.speaker.engine for *_, how in speaking):
        mine = [job for job in speaking if job[3].speaker.engine == name]
        wishes = [asked(how.controls, how.voice) for *_, how in mine]
        heard = engines.find(name).speak(
            [Utterance(text=_marked(one, place, part, how), voice=how.speaker.voice, controls=ask)
             for (one, place, part, how), (ask, _, _) in zip(mine, wishes, strict=True)]
        )  # fmt: skip
        for (one, place, _, how), (_, faster, tilt), speech in zip(mine, wishes, heard, strict=True):
            peak = min(one.level * 10 ** (how.gain_db / 20), LOUDEST)
            audio = finished(speech, spec.rate, faster, tilt, peak, (0.0, 0.0)).audio
            found[one.number, place] = Voiced(audio=audio, truth=rows.voice_truth(how))
    return {one.number: [found.get((one.number, place)) for place, _ in _parts(one.made)] for one in takes}


def _parts(made: Conversation) -> list[tuple[tuple[int, int], Part]]:
    return [((t, p), part) for t, turn in enumerate(made.turns) for p, part in enumerate(turn.heard)]


def _marked(one: Take, place: tuple[int, int], part: Part, how: Performance) -> str:
    """The words as the engine gets them; Chinese halts between its characters."""
    rng = Random(f"{one.number} {one.attempt} {place}")
    return rhythmical(part.text, part.language, how.rhythm, rng)


def rhythmical(text: str, language: str, rhythm: str, rng: Random) -> str:
    """A text with the commas of a rhythm."""
    if language != "zh" or rhythm not in ("halting", "rushed"):
        return marked(text, rhythm, rng)
    body, end = (text[:-1], text[-1]) if text[-1] in "。？！" else (text, "")
    if rhythm == "rushed":
        return body.replace("，", "") + end
    places = range(1, len(body))
    stops = set(rng.sample(places, max(1, len(body) // 4))) if len(body) > 3 else set()
    return "".join(("，" if n in stops and body[n] != "，" else "") + c for n, c in enumerate(body)) + end


def _faults(spec: SkillSpec, one: Take, heard: Sequence[Voiced | None], said: Mapping[Saying, Speech]) -> list[str]:
    """What is wrong with the voices of a conversation."""
    found = list[str]()
    for (place, part), voiced in zip(_parts(one.made), heard, strict=True):
        if voiced is not None:
            rushed = one.performances[place].rhythm != "even"  # its pauses are meant
            wrong = filters.faults(voiced.audio, spec.rate, part.text, part.language)
            found += [why for why in wrong if why != "too long" and not (rushed and why == "too slow")]
    for saying in (s for pair in one.sayings for s in pair if s):
        wrong = filters.faults(said[saying].audio, said[saying].rate, saying.text, saying.language)
        found += [why for why in wrong if why != "too slow" or saying.manner not in ("slow", "sad")]
    return list(dict.fromkeys(found))


# --- rows ------------------------------------------------------------------------------------------------------------


def _heard(spec: SkillSpec, one: Take, heard: Sequence[Voiced | None], places: Mapping[Saying, int],
           refused: Sequence[Refused]) -> Kept:  # fmt: skip
    """A conversation: its turns end to end, and the truth about each; `places` are the rows of what nano says."""
    rest, turns, pieces, at = list(heard), list[Row](), list[Samples](), 0
    people = {part.who.name: person(one.performances[place].speaker) for place, part in _parts(one.made)
              if part.kind == "speech"}  # fmt: skip
    for number, turn in enumerate(one.made.turns):
        mine, rest = rest[: len(turn.heard)], rest[len(turn.heard) :]
        laid, how = _laid(spec, one, number, mine, people)
        filler, reply = one.sayings[number] if one.sayings else (None, None)
        turns.append({
            "span": [at, at + len(laid.audio)], "parts": list(laid.parts), "around": how,
            "filler": places[filler] if filler else None, "reply": places[reply] if reply else None,
        })  # fmt: skip
        pieces.append(laid.audio)
        at += len(laid.audio)
    row = {
        "id": f"{spec.name}-{one.number:07d}",
        "number": one.number,
        **rows.conversation(one.made, one.performances, turns, spec.rate),
        "surroundings": one.around,
        "split": spec.split,
        "cast": spec.cast,
        "attempt": one.attempt,
        "refused": [list(r.reasons) for r in refused],
    }
    return Kept(row=row, audio=np.concatenate(pieces), refused=tuple(refused))


def _laid(spec: SkillSpec, one: Take, number: int, voiced: Sequence[Voiced | None],
          people: Mapping[str, Person]) -> tuple[Laid, Row]:  # fmt: skip
    """One turn in its surroundings, which are the same in all turns of a conversation."""
    turn = one.made.turns[number]
    if not turn.heard:
        return Laid(audio=np.zeros(round(NOTHING_S * spec.rate), np.float32), parts=()), {}
    laid = lay(turn.heard, voiced, people, one.level, _chance(spec, one, f"turn {number}"), spec.rate)
    audio, how = around(one.around, laid.audio, _chance(spec, one, "around"), spec.rate)
    return replace(laid, audio=audio), how


def _chance(spec: SkillSpec, one: Take, what: str) -> np.random.Generator:
    """A generator of sounds: no other split, cast or corpus ever draws the same."""
    name = f"{spec.split} {spec.cast} {spec.seed} {spec.name} {one.number} {one.attempt} {what}"
    return np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))


def _spoken(spec: SkillSpec, first: int, n: int, saying: Saying, speech: Speech) -> Kept:
    """One thing that nano says, named after the first conversation of its shard."""
    row = {"id": f"{spec.name}-{first:07d}-spoken-{n:04d}", "number": n, **rows.saying(saying, speech), "attempt": 0}
    return Kept(row=row, audio=speech.audio, refused=())


def _refused(one: Take, reasons: Sequence[str]) -> Refused:
    """What is kept of a conversation that is not: its words and its voice, since its sounds can be made again."""
    how = next(iter(one.performances.values()), None)
    voice = f"{how.speaker.engine}-{how.speaker.voice}" if how else "antiphon-sounds"
    text = " | ".join(part.text for _, part in _parts(one.made) if part.text)
    return Refused(attempt=one.attempt, text=text, voice=voice, audio=np.zeros(0, np.float32), reasons=tuple(reasons))
