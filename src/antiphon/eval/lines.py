"""The lines that nano must hold, one function each: sets are held with the model, judged by the grammar, and counted.

    asr · answers · translate · hear · react · tools · think · outside      here
    speech · manner · voice                                                 `spoken`, which needs sound to be measured

Judges of words are those of `antiphon.data.skills.judge`: case and marks do not count. Chance and constant answers are
told beside what hears. Whatever a model refuses or fails to do counts as wrong.
"""

from collections.abc import Sequence

from antiphon.data.skills.classes import DIMENSIONS, ELEVEN
from antiphon.data.skills.judge import right_call, right_reply, right_thought
from antiphon.eval.bench import Bench, right, sound_of
from antiphon.eval.figures import Figure, balanced, difference, errors, share
from antiphon.eval.held import Case, Reply
from antiphon.eval.sets import STRANGE
from antiphon.metrics.wer import cer, wer

SPLITS = ("template", "slots")
LONGEST_S = 30.0
SWAPPED = 60  # conversations that are asked again with the sound of others


def asr(bench: Bench) -> list[Figure]:
    """Writing down what anybody says."""

    def rate(line: str, name: str, bar: float | None, characters: bool = False) -> Figure:
        found = bench.held(name)
        texts = [case.made.turns[0].reply for case, _ in found]
        return errors(line, (cer if characters else wer)(texts, [replies[0].text for _, replies in found]), bar)

    quiet = rate("ASR, seen voices: WER", "asr-seen-en", 0.04)
    hard = rate("ASR at 10 dB with reverberation: WER", "asr-hard-en", None)
    return [
        quiet,
        rate("ASR, unseen voices: WER", "asr-unseen-en", 0.06),
        rate("ASR, a recorded stranger: WER", "asr-strange-en", 0.20),
        rate("ASR, Chinese, seen voices: CER", "asr-seen-zh", 0.10, characters=True),
        hard,
        difference("ASR, noise and reverberation against quiet", hard, quiet, 0.08),
    ]


def answers(bench: Bench) -> list[Figure]:
    """Right answers, memory, arithmetic; and the same questions with the sound of others."""
    names = [f"answers-{language}-{split}" for language in ("en", "zh") for split in SPLITS]
    plain = [pair for name in names for pair in bench.held(name, aloud=True)]
    memory = [pair for split in SPLITS for pair in bench.held(f"memory-{split}", aloud=True)]
    found = [
        share("right answers", [right(*pair) for pair in plain], 0.90),
        *(share(f"right answers, {what}", [right(*pair) for pair in plain if _is(pair[0], lang, split)])
          for what, lang, split in (("English", "en", ""), ("Chinese", "zh", ""), ("held-out wordings", "", "template"),
                                    ("held-out fillings", "", "slots"))),
        share("memory over turns", [right(*pair) for pair in memory], 0.85),
    ]  # fmt: skip
    for lang, bar in (("en", 0.95), ("zh", None)):
        sums = [right(*pair) for pair in bench.held(f"arithmetic-{lang}", aloud=True)]
        found.append(share(f"arithmetic, held-out pairs, {lang}", sums, bar))
    return [*found, _swapped(bench), _speed([replies[-1] for _, replies in plain])]


def _is(case: Case, language: str, split: str) -> bool:
    return language in ("", case.made.language) and split in ("", case.row["split"])


def _swapped(bench: Bench) -> Figure:
    """The answer follows the audio: facts that are asked with another question's sound."""
    held = bench.cases("answers-en-slots", SWAPPED)
    found = []
    for case, other in zip(held, held[1:] + held[:1], strict=True):
        alike = case.made.turns[-1].reply == other.made.turns[-1].reply
        if not alike and len(case.sounds) == len(other.sounds):
            found.append(right(case, bench.hold(Case(case.made, other.sounds, case.row))))
    return share("control: right answers to another question's sound", found, 0.05, at_least=False)


def _speed(replies: Sequence[Reply]) -> Figure:
    """CPU seconds a second of answer; on one thread where the command runs on one."""
    cpu, sound = sum(r.cpu_s for r in replies), sum(r.audio_s for r in replies)
    value = cpu / sound if sound else float("nan")
    return Figure(line="real-time factor of answers by CPU time", value=value, low=value, high=value, n=len(replies),
                  bar=0.4, at_least=False)  # fmt: skip


def translate(bench: Bench) -> list[Figure]:
    """Speech to text and to speech, both ways; what is said aloud is judged through the listener."""
    found = []
    for task, name, bar in (("translate", "S2TT exact", 0.85), ("interpret", "S2ST through ASR", 0.75)):
        right_ones = dict[str, list[bool]]()
        for lang in ("en", "zh"):
            for split in SPLITS:
                for case, replies in bench.held(f"{task}-{lang}-{split}", aloud=task == "interpret"):
                    right_ones.setdefault(lang, []).append(_translated(bench, case, replies[0], task))
        note = f"heard by {bench.ears_name}" if task == "interpret" else ""
        found.append(share(name, [r for one in right_ones.values() for r in one], bar, note=note))
        found += [share(f"{name}, from {lang}", one) for lang, one in right_ones.items()]
    return found


def _translated(bench: Bench, case: Case, reply: Reply, task: str) -> bool:
    turn = case.made.turns[0]
    if task == "translate" or reply.failed:
        return not reply.failed and right_reply(turn, reply.text)
    return reply.audio is not None and right_reply(turn, bench.ears(sound_of(reply), turn.language))


def hear(bench: Bench) -> list[Figure]:
    """The eleven dimensions: balanced over classes; without what is asked about; by a stranger."""
    found, values = list[Figure](), list[float]()
    for name in ELEVEN:
        pairs = [pair for split in SPLITS for pair in bench.held(f"hear-{name}-{split}")]
        figure = balanced(f"hears {name}", [(_class(case), right(case, replies)) for case, replies in pairs], 0.60)
        chance = 1 / len(DIMENSIONS[name].classes)
        alone = [case.alone() for case, _ in pairs]
        deaf = [(_class(case), right(case, bench.hold(case))) for case in alone]
        found += [
            figure,
            balanced(f"control: {name}, only the question is heard", deaf, note=f"chance {100 * chance:.0f} %"),
        ]
        values.append(figure.value)
    mean = sum(values) / len(values)
    count = sum(f.n for f in found[::2])
    low, high = (sum(getattr(f, end) for f in found[::2]) / len(values) for end in ("low", "high"))
    found.insert(0, Figure(line="hears, mean of eleven", value=mean, low=low, high=high, n=count, bar=0.80))
    for name in STRANGE:
        pairs = bench.held(f"hear-{name}-strange")
        judged = [(_class(case), right(case, replies)) for case, replies in pairs]
        found.append(balanced(f"hears {name}, a recorded stranger", judged))
    return found


def _class(case: Case) -> str:
    return dict(case.made.turns[-1].slots)["class"]


def react(bench: Bench) -> list[Figure]:
    """Replies that notice how something is said."""
    pairs = [pair for split in SPLITS for pair in bench.held(f"react-{split}")]
    return [share("reacts to how it is said", [right(*pair) for pair in pairs])]


def tools(bench: Bench) -> list[Figure]:
    """Calls: when, which, with what; and of tools that only the prompt describes."""
    yes = [pair for split in SPLITS for pair in bench.held(f"tools-yes-{split}")]
    no = [pair for split in SPLITS for pair in bench.held(f"tools-no-{split}")]
    called = [(case.made.turns[-1], call) for case, replies in yes for call in replies[-1].calls[:1]]
    false = sum(any(reply.calls for reply in replies) for _, replies in no)
    same = [turn.call is not None and call.name == turn.call.name for turn, call in called]
    typed = [pair for pair, good in zip(called, same, strict=True) if good]
    values = [right_call(turn, call.name, call.arguments) for turn, call in typed]
    unseen = [_called(case, replies) for case, replies in bench.held("tools-unseen")]
    return [
        share("tools: trigger precision", [True] * len(called) + [False] * false, 0.95),
        share("tools: trigger recall", [bool(replies[-1].calls) for _, replies in yes], 0.95),
        share("tools: type", same, 1.0),
        share("tools: parameters", values, 0.90),
        share("tools: the result is told", [right(*pair) for pair in yes if pair[1][-1].calls]),
        share("tools: an unseen tool called as described", unseen, 0.70),
    ]


def _called(case: Case, replies: Sequence[Reply]) -> bool:
    turn = case.made.turns[-1]
    return any(right_call(turn, call.name, call.arguments) for call in replies[-1].calls[:1])


def think(bench: Bench) -> list[Figure]:
    """The same questions with and without a thought before the answer."""
    held = [case for split in SPLITS for case in bench.cases(f"think-{split}")]
    without = [right(case, bench.hold(case, prompt="talk_feelingly")) for case in held]
    thought = [(case, bench.hold(case, prompt="think", thinks=True)) for case in held]
    agree = [bool(r[-1].thought) and right_thought(case.made.turns[-1], r[-1].thought) for case, r in thought]
    before = share("reasoning at once", without)
    after = share("reasoning after a thought", [right(*pair) for pair in thought])
    gain = after.value - before.value
    return [
        before,
        after,
        Figure(line="what thinking brings", value=gain, low=after.low - before.high, high=after.high - before.low,
               n=after.n, bar=0.10),
        share("thoughts that name the evidence", agree, 0.80),
    ]  # fmt: skip


def outside(bench: Bench) -> list[Figure]:
    """What lies outside its world: refused in a sentence, and never at length."""
    pairs = bench.held("outside", aloud=True)
    short = [r.audio_s <= LONGEST_S and r.finish == "stop" for _, replies in pairs for r in replies]
    return [
        share("outside its world: said so", [right(*pair) for pair in pairs]),
        share("outside its world: ended within 30 s", short, 1.0),
    ]
