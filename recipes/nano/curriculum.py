"""The curriculum of nano's language model: the report's stages at nano's size, and what a small model needs before.

    text ─> pseudo ─> align ─> vocabulary ─> main ─> cooldown ─> sft
              ears ──┘

    text          words alone
    pseudo        to read a path of tokens that stands for sound: without it a small model guesses and never listens
    ears          the encoder learns phones
    align         stage A of the report, by CTC against the token embeddings: sound looks like such a path; in the same
                  pass its steps go on saying phones, and each sound tells all its traits to a head
    vocabulary    stage B: speech codes, by reading aloud, conversation and interleaved continuation
    main          stage C: all tasks; a head is told who is asked about, and where a tool is described
    cooldown      stage D: the best of it, while the rate falls
    sft           stage E: conversations, their last replies

The tasks are the report's; their shares lean towards what nano was measured to lack. What was measured is in them:
pages of sums whose results alone are learned (`sums`, aloud `spelt`, Chinese), replies aloud that the voice never said
(`mute`, `voiceless`), captions that tell much, several described tools in one conversation, and the weight of the slots
left to questions about sound. A step of nano holds some twenty examples, so what is learned is what is dense in them.
Rates, weights and steps are nano's own.

Beside the records of the first world stand those of the skills (`skills-*`), in English and Chinese, which also teach
to translate, to notice how something is said, to obey a manner, to call tools and to think.

From a model that ships (`begin`) the stages before it could hear and speak are left out; `pseudo` teaches it the words
that it does not know yet, and with new codes `vocabulary` is learnt again.
"""

from dataclasses import replace

from antiphon.train.ears import EarOptions
from antiphon.train.helps import Helps
from antiphon.train.options import Part, Rates, SpeechOptions, Weights
from antiphon.train.run import Optimizer, Run, Schedule
from recipes.nano.codec import PREPARE

SPEECH, EARS = "antiphon.train.speech:speech", "antiphon.train.ears:ears"
WEIGHTS = Weights(text_pad=0.1, speech_pad=0.1)
ASKED = replace(WEIGHTS, slot=0.5)  # what only hearing tells is one word among a hundred: so it is not drowned
HELPS = Helps(guide=0.3, copy=0.3, echo=True, reading=0.2, code_noise=0.1, dropout=0.05, cut=0.15)
NOTICING = replace(HELPS, traits=1.0, about=0.3)
ONLY_EARS = Helps(reading=1.0, row_norm=0.05, phones=1.0, aligned=0.5, traits=2.0, decoder=False)
ADAMW = Optimizer(decay=0.05)
BATCH, LONGEST = 1600, 544
PIECE_S = (2.0, 25.0)


def part(task: str, tokens: float, records: str = "", pseudo: float = 0.0, slots: bool = True) -> Part:
    return Part(task=task, tokens=tokens, records=f"{records or task}.jsonl", pseudo=pseudo, slots=slots)


TEXT = (part("text", 100.0),)
PSEUDO = (
    part("asr", 30.0, "salad", pseudo=1.0),
    part("asr", 8.0, pseudo=1.0),
    part("asr", 14.0, "skills-asr", pseudo=1.0),
    part("answer", 15.0, "written", pseudo=1.0),
    part("answer", 13.0, "skills-written", pseudo=1.0),
    part("s2tt", 5.0, "skills-rendered", pseudo=1.0),
    part("page", 10.0, "sums"),
    part("tts", 5.0),
)
EAR_PARTS = (part("asr", 80.0), part("asr", 20.0, "aligned"))
ALIGN = (
    part("asr", 25.0),
    part("asr", 30.0, "skills-asr"),
    part("asr", 10.0, "aligned"),
    part("caption", 35.0, "skills-caption"),
)
VOCABULARY = (
    part("text", 4.0),
    part("page", 4.0, "sums"),
    part("asr", 8.0, pseudo=0.4),
    part("asr", 8.0, "skills-asr", pseudo=0.4),
    part("answer", 6.0, "written", pseudo=1.0),
    part("answer", 6.0, "skills-written", pseudo=1.0),
    part("talk", 6.0, "voiceless", pseudo=1.0),
    part("tts", 25.0),
    part("tts", 12.0, "skills-tts"),
    part("talk", 8.0, pseudo=0.4),
    part("talk", 8.0, "skills-talk", pseudo=0.4),
    part("interleave", 5.0),
)
MAIN = (
    part("text", 1.0),
    part("page", 1.0, "sums"),
    part("page", 2.0, "spelt"),
    part("page", 3.0, "skills-pages"),
    part("asr", 4.0),
    part("asr", 9.0, "skills-asr"),
    part("tts", 4.0),
    part("tts", 3.0, "skills-tts"),
    part("s2tt", 1.0, slots=False),
    part("s2tt", 4.0, "skills-s2tt", slots=False),
    part("s2tt", 2.0, "skills-rendered", pseudo=1.0, slots=False),
    part("t2st", 1.0, slots=False),
    part("s2st", 1.0, slots=False),
    part("s2st", 3.0, "skills-s2st", slots=False),
    part("continuation", 1.0),
    part("interleave", 1.0),
    part("talk", 4.0, slots=False),
    part("talk", 5.0, "skills-talk", slots=False),
    part("talk", 2.0, "skills-manner", slots=False),
    part("talk", 4.0, "mute", slots=False),
    part("talk", 2.0, "voiceless", pseudo=1.0, slots=False),
    part("answer", 1.0, pseudo=0.2, slots=False),
    part("answer", 4.0, "skills-answer", slots=False),
    part("answer", 18.0, "skills-hear"),
    part("answer", 2.0, "skills-written", pseudo=1.0, slots=False),
    part("answer", 2.0, "skills-sums", pseudo=1.0, slots=False),
    part("caption", 5.0, "skills-told", slots=False),
    part("tool", 1.0, slots=False),
    part("tool", 1.0, "skills-tool", slots=False),
    part("tool", 5.0, "skills-called", pseudo=1.0, slots=False),
    part("think", 1.0, "skills-think"),
    part("think", 2.0, "skills-thought"),
)
COOLDOWN = (
    part("page", 1.0, "spelt"),
    part("page", 2.0, "skills-pages"),
    part("asr", 5.0),
    part("asr", 9.0, "skills-asr"),
    part("tts", 4.0),
    part("tts", 4.0, "skills-tts"),
    part("s2tt", 4.0, "skills-s2tt", slots=False),
    part("s2tt", 1.0, "skills-rendered", pseudo=1.0, slots=False),
    part("s2st", 4.0, "skills-s2st", slots=False),
    part("talk", 6.0, slots=False),
    part("talk", 8.0, "skills-talk", slots=False),
    part("talk", 3.0, "skills-manner", slots=False),
    part("talk", 4.0, "mute", slots=False),
    part("answer", 2.0, slots=False),
    part("answer", 6.0, "skills-answer", slots=False),
    part("answer", 16.0, "skills-hear"),
    part("answer", 1.0, "skills-written", pseudo=1.0, slots=False),
    part("answer", 2.0, "skills-sums", pseudo=1.0, slots=False),
    part("caption", 4.0, "skills-told", slots=False),
    part("tool", 1.0, slots=False),
    part("tool", 2.0, "skills-tool", slots=False),
    part("tool", 7.0, "skills-called", pseudo=1.0, slots=False),
    part("think", 2.0, "skills-think"),
    part("think", 2.0, "skills-thought"),
)
SFT = (
    part("asr", 8.0),
    part("asr", 9.0, "skills-asr"),
    part("tts", 5.0),
    part("tts", 5.0, "skills-tts"),
    part("s2tt", 6.0, "skills-s2tt", slots=False),
    part("s2st", 5.0, "skills-s2st", slots=False),
    part("talk", 9.0, slots=False),
    part("talk", 12.0, "skills-talk", slots=False),
    part("talk", 3.0, "skills-manner", slots=False),
    part("talk", 7.0, "mute", slots=False),
    part("answer", 3.0, slots=False),
    part("answer", 6.0, "skills-answer", slots=False),
    part("answer", 9.0, "skills-hear"),
    part("tool", 2.0, slots=False),
    part("tool", 6.0, "skills-tool", slots=False),
    part("think", 2.0, "skills-think"),
    part("think", 3.0, "skills-thought"),
)
ALL = Rates(encoder=4e-4, adaptor=4e-4, llm=8e-4, embed=8e-4, head=8e-4)
WORDS = Rates(llm=1.5e-3, embed=1.5e-3, head=1.5e-3)


def speech(name: str, steps: int, parts: tuple[Part, ...], rates: Rates, after: str | None, **more: object) -> Run:
    """A stage of the language model; `more` are further options."""
    usual: dict[str, object] = {"coder": "tokenizer", "voice": "codec", "helps": HELPS, "piece_s": PIECE_S,
                                "weights": WEIGHTS}  # fmt: skip
    options = SpeechOptions(
        prepare=PREPARE,
        dev="dev.jsonl",
        dev_count=64,
        parts=parts,
        rates=rates,
        batch=BATCH,
        **usual | more,  # type: ignore[arg-type]
    )
    return Run(
        name=name,
        stage=SPEECH,
        options=options,
        seed=5,
        steps=steps,
        optimizer=ADAMW,
        micro_size=BATCH,
        longest=LONGEST,
        dtype="auto",
        init_from=after,
        log_every=50,
        save_every=500,
        eval_every=1000,
        sample_every=1000,
    )


def ears() -> Run:
    """The encoder alone, by phones."""
    options = EarOptions(prepare=PREPARE, parts=EAR_PARTS, dev="dev.jsonl")
    return Run(
        name="ears",
        stage=EARS,
        options=options,
        seed=2,
        steps=1200,
        optimizer=Optimizer(decay=0.02),
        micro_size=options.batch,
        longest=1200,
        dtype="auto",
        log_every=50,
    )


def align(after: str, ears: str, steps: int) -> Run:
    """The adaptor and the encoder, until rows of sound spell what is said, and steps still say its phones."""
    rates, whole = Rates(encoder=1e-3, adaptor=1.5e-3), (25.0, 25.0)  # a cut piece does not tell what it says
    return speech("align", steps, ALIGN, rates, after, ears=ears, helps=ONLY_EARS, piece_s=whole)


def vocabulary(after: str, steps: int) -> Run:
    """Stage B: what the codes say. Every reply is learned, since this is where it learns to speak."""
    rates = Rates(adaptor=4e-4, llm=1e-3, embed=1e-3, head=1e-3)
    return speech("vocabulary", steps, VOCABULARY, rates, after, helps=replace(HELPS, cut=0.0))


def beginning(begin: str | None, codes: str) -> list[Run]:
    """To where real sound is heard and codes are known: from nothing, or from a model that hears and speaks."""
    if begin is not None:
        words = Rates(llm=8e-4, embed=4e-4, head=8e-4)
        first = [speech("pseudo", 2500, PSEUDO, words, begin), align("pseudo", "", 4500)]
        return [*first, *([vocabulary("align", 4000)] if codes == "new" else [])]
    return [
        speech("text", 600, TEXT, WORDS, None),
        speech("pseudo", 6000, PSEUDO, WORDS, "text"),
        ears(),
        align("pseudo", "ears", 6000),
        vocabulary("align", 5000),
    ]


def of_model(run: Run, model: str) -> Run:
    """The same run at the sizes of a model, and in its words."""
    assert isinstance(run.options, SpeechOptions | EarOptions)
    return replace(run, options=replace(run.options, model=model))


def curriculum(begin: str | None = None, codes: str = "kept") -> list[Run]:
    """All stages, in order."""
    falling = Schedule(kind="cosine", warm_up=50, floor=0.05)  # the report: to a quarter; nano is far noisier
    gentle = Rates(encoder=4e-4, adaptor=4e-4, llm=6e-4, embed=6e-4, head=6e-4)
    slow = Rates(encoder=5e-5, adaptor=5e-5, llm=1e-4, embed=1e-4, head=1e-4)
    begun = beginning(begin, codes)
    main = speech("main", 12000, MAIN, ALL, begun[-1].name, helps=NOTICING, weights=ASKED)
    cooldown = speech("cooldown", 8000, COOLDOWN, gentle, "main", helps=NOTICING, weights=ASKED)
    sft = speech("sft", 1200, SFT, slow, "cooldown", learns="last", weights=ASKED)
    stages = [
        *begun,
        replace(main, schedule=Schedule(kind="cosine", warm_up=100, floor=0.4)),
        replace(cooldown, schedule=falling),
        replace(sft, schedule=falling),
    ]
    return [of_model(run, begin or "nano") for run in stages]
