"""The curriculum of Step-Audio 2 for mini, stages A to F, with the published numbers.

    A align ─> B vocabulary ─> C main ─> D cooldown ─> E sft, with the F think records among them

Every number with [P] stands in the report (arXiv 2507.16632); amounts are billions of tokens. What it does not publish
is marked [ours]: optimizer, warm-up, weight decay, the batch of B to E, the weights of text and speech. The text of
stages B to D is one part, since the report does not divide it.

    python -m recipes.mini.dry      sizes, rates and sums of all stages, on the meta device
    torchrun --nnodes 8 --nproc-per-node 8 -m antiphon.train recipes/mini --device cuda --set align:init_from=FOLDER

The report starts from Qwen2.5-7B and the Qwen2-Audio encoder: FOLDER holds their weights under the names of our speech
LM. A file with fewer embeddings than ours (152 064 rows before the speech codes) gives us its own, and the rest is new.
"""

from dataclasses import replace

from antiphon.train.options import Part, Rates, SpeechOptions
from antiphon.train.run import Optimizer, Run, Schedule

STAGE = "antiphon.train.speech:speech"
SEQ_A, SEQ_B = 8_192, 16_384  # [P] positions of a sequence in stage A; in stage B (C to E: assumed, not restated)
BATCH = 1_024  # sequences of a step: 100 billion tokens / 12 000 steps / 8 192, derived [P]; kept for B to D [ours]
BATCH_SFT = 64  # [ours] 4 billion tokens are few steps
ADAMW = Optimizer(betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0)  # [ours] as Qwen2.5's relatives are trained
WARM_UP = 100  # [ours] as the recognition fine-tuning of StepAudio 2.5
BILLION = 1_000_000_000


def part(task: str, tokens: float, records: str = "") -> Part:
    """`tokens` billions of a task; its records lie in a file of the same name."""
    return Part(task=task, tokens=tokens, records=f"{records or task}.jsonl")


# A [P]: 100 billion tokens of speech recognition
ALIGN = (part("asr", 100.0),)
# A, lite: StepAudio 2.5 aligns with 3 billion tokens (notes of its report); 1/33 of the cost
ALIGN_LITE = (part("asr", 3.0),)
# B [P]: 128 text, and 128 audio = 80 TTS + 32 conversation + 16 utterance-level interleaved continuation
VOCABULARY = (part("text", 128.0), part("tts", 80.0), part("talk", 32.0), part("interleave", 16.0))
# C [P]: 400 text, and 400 audio = 42 ASR + 120 TTS + 8 S2TT + 30 T2ST + 5 speech-to-text continuation
# + 45 interleaved continuation + 150 conversation
MAIN = (
    part("text", 400.0),
    part("asr", 42.0),
    part("tts", 120.0),
    part("s2tt", 8.0),
    part("t2st", 30.0),
    part("continuation", 5.0),
    part("interleave", 45.0),
    part("talk", 150.0),
)
# D [P]: 100 high-quality text, and 100 audio = 24.6 ASR in languages and dialects + 12.4 TTS + 2.4 paralinguistic
# + 3.6 S2TT + synthesised: 6 S2ST + 15 interleaved conversation + 36 conversation, by about 50 000 speakers
COOLDOWN = (
    part("text", 100.0, "text-best"),
    part("asr", 24.6, "asr-dialects"),
    part("tts", 12.4),
    part("caption", 2.4, "paralinguistic"),
    part("s2tt", 3.6),
    part("s2st", 6.0),
    part("interleave", 15.0, "interleave-synthesised"),
    part("talk", 36.0, "talk-synthesised"),
)
# E [P]: 4 billion tokens of text and audio, 1 epoch. How they divide is not published; these shares are [ours]:
# recognition, captions and questions on AudioSet and AudioCaps, labelled TTS, CoVoST 2 both ways, colloquial chat in
# text and aloud, about 1 000 scripts for each tool; and F, the cold start of thinking, which the report trains in E.
SFT = (
    part("asr", 0.8, "sft-asr"),
    part("caption", 0.6, "sft-caption"),
    part("tts", 0.6, "sft-tts"),
    part("s2st", 0.3, "sft-s2st"),
    part("text", 0.4, "sft-text"),
    part("talk", 1.0, "sft-talk"),
    part("tool", 0.1, "sft-tool"),
    part("think", 0.2, "sft-think"),
)


def speech(
    name: str,
    parts: tuple[Part, ...],
    rates: Rates,
    after: str | None,
    seq: int,
    floor: float,
    batch: int = BATCH,
    learns: str = "",
) -> Run:
    """A stage; it lasts as many steps as its tokens fill. `floor` is the last rate as a part of the first.

    Sequences of `seq` are packed with examples that do not hear each other.
    """
    tokens = batch * seq
    return Run(
        name=name,
        stage=STAGE,
        options=SpeechOptions(
            model="mini", parts=parts, rates=rates, batch=tokens, pack=seq, dev="dev.jsonl", learns=learns
        ),
        steps=round(sum(p.tokens for p in parts) * BILLION / tokens),
        optimizer=ADAMW,
        schedule=Schedule(kind="cosine" if floor < 1 else "constant", warm_up=WARM_UP, floor=floor),
        micro_size=seq,
        longest=seq,
        dtype="bfloat16",
        init_from=after,
    )


def align() -> Run:
    """A: adaptor only; encoder and language model are frozen; 12 000 steps of 8 192, 1e-4 to 2e-5 [P]."""
    return replace(speech("align", ALIGN, Rates(adaptor=1e-4), None, SEQ_A, 2e-5 / 1e-4), steps=12_000)


def align_lite() -> Run:
    """A with 3 billion tokens: the rates of A."""
    return speech("align", ALIGN_LITE, Rates(adaptor=1e-4), None, SEQ_A, 2e-5 / 1e-4)


def vocabulary() -> Run:
    """B: 6 600 audio tokens are new; 16 384; language model 2e-5, adaptor 5e-5, embeddings 5e-5, head 4e-5 [P]."""
    rates = Rates(llm=2e-5, adaptor=5e-5, embed=5e-5, head=4e-5)
    return speech("vocabulary", VOCABULARY, rates, "align", SEQ_B, 1.0)


def main() -> Run:
    """C: all but the encoder at the single rate 2e-5 [P]."""
    return speech("main", MAIN, everything(2e-5), "vocabulary", SEQ_B, 1.0)


def cooldown() -> Run:
    """D: 2e-5 to 5e-6 [P]; along a cosine (notes)."""
    return speech("cooldown", COOLDOWN, everything(2e-5), "main", SEQ_B, 5e-6 / 2e-5)


def sft() -> Run:
    """E and F: all but the encoder, 1e-5 to 1e-6, 1 epoch [P]; the last turn alone is learned, as in Step-Audio 1."""
    return speech("sft", SFT, everything(1e-5), "cooldown", SEQ_B, 1e-6 / 1e-5, BATCH_SFT, "last")


def everything(lr: float) -> Rates:
    """All but the encoder, which is frozen in the whole training [P]."""
    return Rates(adaptor=lr, llm=lr, embed=lr, head=lr)


def curriculum() -> list[Run]:
    """A to F, in order."""
    return [align(), vocabulary(), main(), cooldown(), sft()]
