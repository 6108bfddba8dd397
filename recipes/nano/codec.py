"""The stages of what speaks, at nano's size; together they are the export `codec`.

    tokenizer ─ codes ─┐
    speaker ─ voice ───┴─> flow ─> voices ─> distilled        vocoder ─> polish (against discriminators)

All learn from nano's own voice, which has read most, and from those that it can take on. Codes are learnt so that they
need not tell whose voice it is: that comes from the prompt, through the flow.

Each begins from nothing, or from a model that ships (`begin`). Then the vocoder and the flow go on, and the speech
tokenizer stays as it is, since the language model has learned what its codes say, and only a reader of them is made
anew; or (`codes` is "new") there are new codes, and the language model has to learn them.
"""

from dataclasses import replace

from antiphon.errors import ConfigError
from antiphon.train.codec.discriminators import DiscriminatorSizes
from antiphon.train.codec.flow import FlowTraining
from antiphon.train.codec.speaker import SpeakerTraining
from antiphon.train.codec.tokenizer import TokenizerTraining
from antiphon.train.codec.vocoder import VocoderTraining
from antiphon.train.codec.walk import Walk
from antiphon.train.export import Export
from antiphon.train.run import Optimizer, Run, Schedule
from recipes.nano import sizes, skills

PREPARE = "recipes.nano.data:prepare"
VOICE, UNHEARD = ("corpus/target",), ("corpus/target_dev", "corpus/skills-dev-slots/spoken")
VOICES = (*VOICE, "corpus/skills-0/spoken")
MANNERS = f"corpus/skills-{skills.MANNERS}/spoken"  # whispered, sad and so on
EVERYBODY = (*VOICES, "corpus/voices", MANNERS)
GAN = Optimizer(betas=(0.8, 0.99), decay=0.0)
GUIDED = replace(sizes.FLOW, num_steps=4, guidance=0.7)  # what is then distilled into fewer steps and no guidance
JUDGES = DiscriminatorSizes(periods=(2, 3, 5), period_width=8, windows=(512, 1024), window_width=8)


def stage(name: str, part: str, options: object, steps: int, optimizer: Optimizer, **more: object) -> Run:
    """A stage of the codec; `more` are fields of the run."""
    fields: dict[str, object] = {"log_every": 50, "save_every": 500, "eval_every": 1000, "sample_every": 1000}
    return Run(
        name=name,
        stage=f"antiphon.train.codec.{part}:stage",
        options=options,
        steps=steps,
        optimizer=optimizer,
        **fields | more,  # type: ignore[arg-type]
    )


def tokenizer(begin: str | None) -> Run:
    """Codes at 25 Hz that say what is spoken; or, beside a tokenizer that stays, a reader of its codes."""
    options = TokenizerTraining(
        data=VOICES,
        held_out=UNHEARD,
        prepare=PREPARE,
        init=begin,
        frozen=begin is not None,
        sizes=sizes.TOKENIZER,
        warp=0.1,
        centred=True,
    )
    steps = 7000 if begin is None else 500
    return stage("tokenizer", "tokenizer", options, steps, Optimizer(decay=0.02), seed=1, dtype="auto")


def speaker() -> Run:
    """Whose voice is it? All voices that nano hears, and its own."""
    options = SpeakerTraining(data=(*VOICES, "corpus/heard"), prepare=PREPARE)
    return stage("speaker", "speaker", options, 2000, Optimizer(decay=0.02), seed=6, dtype="auto")


def flow(begin: str | None, voice: str) -> Run:
    """Codes and a voice to a mel."""
    options = FlowTraining(
        data=VOICES,
        held_out=UNHEARD,
        prepare=PREPARE,
        init=begin,
        tokenizer="tokenizer",
        speaker=voice,
        sizes=GUIDED,
    )
    schedule = Schedule(warm_up=200)
    return stage("flow", "flow", options, 6000, Optimizer(decay=0.02), seed=8, dtype="auto", schedule=schedule)


def voices(voice: str) -> Run:
    """The flow again, with many voices: what is told of one is what it sounds like."""
    how = Schedule(kind="cosine", warm_up=100, floor=0.1)
    return stage("voices", "flow", many_voices(voice), 12000, Optimizer(decay=0.02), seed=12, dtype="auto",
                 schedule=how, init_from="flow")  # fmt: skip


def many_voices(voice: str) -> FlowTraining:
    """What the flow learns of whoever is told."""
    return FlowTraining(
        data=EVERYBODY,
        held_out=UNHEARD,
        prepare=PREPARE,
        tokenizer="tokenizer",
        speaker=voice,
        sizes=GUIDED,
        lr=5e-4,
        even=0.7,
        twins=(("corpus/voices", "corpus/twins"),),
    )


def distilled(voice: str) -> Run:
    """The flow that speaks: where the guided walk of `voices` leads, in a quarter of its passes."""
    walk = Walk(teacher="voices", steps=GUIDED.num_steps, guidance=GUIDED.guidance, into=sizes.FLOW.num_steps)
    options = replace(
        many_voices(voice), sizes=sizes.FLOW, walk=walk, untold=0.0, lr=2e-4, eval_steps=(sizes.FLOW.num_steps,)
    )
    how = Schedule(kind="cosine", warm_up=100, floor=0.1)
    return stage("distilled", "flow", options, 2000, Optimizer(decay=0.0), seed=15, dtype="auto", schedule=how,
                 init_from="voices")  # fmt: skip


def vocoder(begin: str | None) -> Run:
    """A mel to a wave, by spectra alone; of one voice it would learn to sing everybody's mel in that voice."""
    options = VocoderTraining(
        data=EVERYBODY, held_out=UNHEARD, prepare=PREPARE, init=begin, sizes=sizes.HIFT, frames=48
    )
    return stage("vocoder", "vocoder", options, 3000, GAN, seed=4, dtype="auto", schedule=Schedule(warm_up=300))


def polish(begin: str | None) -> Run:
    """The same against discriminators: what spectra do not tell."""
    options = VocoderTraining(
        data=EVERYBODY,
        held_out=UNHEARD,
        prepare=PREPARE,
        init=begin,
        sizes=sizes.HIFT,
        frames=48,
        judges=JUDGES,
        lr=1e-4,
        follow_from=0,
    )
    return stage("polish", "vocoder", options, 3000, GAN, seed=9, dtype="auto", init_from="vocoder")


def codec(begin: str | None = None, codes: str = "kept") -> list[Run | Export]:
    """All that speaks, and the model `codec` in which the language model is heard while it learns."""
    if codes not in ("kept", "new"):
        raise ConfigError(f"codes={codes} was given; a model that one begins from has its codes kept, or new ones.")
    kept = begin if codes == "kept" else None
    whole = Export(
        name="codec",
        base=begin or "nano",
        tokens="tokenizer",
        mel="distilled",
        wave="polish",
        voice=None if kept else "speaker",
    )
    known = kept or "speaker"
    first = [tokenizer(kept), *([] if kept else [speaker()])]
    return [*first, flow(begin, known), voices(known), distilled(known), vocoder(begin), polish(begin), whole]
