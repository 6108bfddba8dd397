"""What the losses do not tell: held-out records are answered, and the answers measured.

    asr_wer         what is written, against what should be
    tts_text_wer    the words of what is said aloud
    tts_wer         what is heard in it: its codes, read by a judge that knows nothing of the words (`codec.judge`)
    tts_true_wer    what the judge hears in the true codes: its own errors, below which nothing can come
    hearing_...     does it listen, or guess? (`antiphon.train.watch`)
    reading_wer     where only the ears learn: what the rows of sound spell
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.metrics.wer import wer
from antiphon.rates import SPOKEN_HZ
from antiphon.train import decode, watch
from antiphon.train.codec.judge import CodeJudge
from antiphon.train.collate import Collator
from antiphon.train.decode import Reply
from antiphon.train.examples import Builder, Example
from antiphon.train.learner import Learner
from antiphon.train.options import SpeechOptions
from antiphon.train.records import Record, Spoken
from antiphon.train.speaking import Speaker
from antiphon.train.stage import Sample
from antiphon.train.tasks import task

BATCH = 16
NUM_SAMPLES = 4


class Examiner:
    """Asks a model what it has learned."""

    def __init__(
        self,
        model: Learner,
        builder: Builder,
        collator: Collator,
        options: SpeechOptions,
        device: torch.device,
        judge: CodeJudge | None = None,
    ) -> None:
        """`builder` cuts no sound into pieces; without a `judge` nothing is told of codes."""
        self.model, self.builder, self.collator = model, builder, collator
        self.options, self.device, self.judge = options, device, judge
        self.tokenizer, self.layout = builder.tokenizer, builder.layout

    # --- figures -----------------------------------------------------------------------------------------------------

    def figures(self, dev: Sequence[Record]) -> dict[str, float]:
        """Error rates of the replies to these records, by task."""
        replies, found = self.replies(dev), dict[str, float]()
        for name in dict.fromkeys(record.task for record in dev):
            some = [(r, reply) for r, reply in zip(dev, replies, strict=True) if r.task == name]
            meant = [watch.reply_of(r) for r, _ in some]
            words = wer(meant, [reply.text for _, reply in some]).rate
            if not task(name).speaks:
                found[f"{name}_wer"] = words
                continue
            found[f"{name}_text_wer"] = words
            if self.judge:
                found[f"{name}_wer"] = wer(meant, [self.judge.read(reply.codes) for _, reply in some]).rate
                found[f"{name}_true_wer"] = wer(meant, [self.judge.read(self._true(r)) for r, _ in some]).rate
        return found

    def hearing(self, dev: Sequence[Record]) -> watch.Hearing | None:
        """The four figures of `watch`; None where no two records differ in what is heard."""
        pairs = watch.swapped(dev)
        if not pairs:
            return None
        own, other = [a for a, _ in pairs], [b for _, b in pairs]
        slots = [watch.slots_of(record) for record in own]
        return watch.Hearing(
            loss=self._reply_loss(own),
            swapped=self._reply_loss(other),
            slots=watch.share_found(slots, [reply.text for reply in self.replies(own)]),
            guessed=watch.share_found(slots, [reply.text for reply in self.replies(other)]),
        )

    def spelled(self, dev: Sequence[Record]) -> dict[str, float]:
        """What the rows of sound spell, where only the ears learn: word error rate by greedy CTC."""
        batches = [self.collator.batch(e, vary=False).to(self.device) for e in self.examples(dev)]
        pairs = [pair for batch in batches for pair in self.model.spell(batch)]
        texts = [(self.tokenizer.decode(a), self.tokenizer.decode(b)) for a, b in pairs]
        return {"reading_wer": wer([a for a, _ in texts], [b for _, b in texts]).rate} if texts else {}

    # --- replies -----------------------------------------------------------------------------------------------------

    def examples(self, records: Sequence[Record]) -> list[list[Example]]:
        """Held-out examples in batches; only the last reply is learned, and nothing varies."""
        real = {part.task for part in self.options.parts if part.pseudo < 0.5}
        made = [self.builder.build(r, f"dev {r.id}", pseudo=r.task not in real, learns="last") for r in records]
        return [made[n : n + BATCH] for n in range(0, len(made), BATCH)]

    def replies(self, records: Sequence[Record]) -> list[Reply]:
        """What the model says to each record."""
        said = []
        for examples in self.examples(records):
            batch = self.collator.batch(examples, vary=False).to(self.device)
            prompts = decode.prompts(self.model, examples, batch)
            limit = max(e.size - len(p) for e, p in zip(examples, prompts, strict=True)) * 5 // 4 + 8
            made = decode.greedy(self.model.lm, prompts, self.layout.eot, limit)
            aloud = [self.layout.starts_speaking(e.ids[: len(p)]) for e, p in zip(examples, prompts, strict=True)]
            said += [decode.reply(m, self.tokenizer, self.layout, a) for m, a in zip(made, aloud, strict=True)]
        return said

    def samples(self, dev: Sequence[Record]) -> list[Sample]:
        """A few replies, with their sound where they speak and a voice is there."""
        dev, made = dev[:NUM_SAMPLES], list[Sample]()
        for number, (record, reply) in enumerate(zip(dev, self.replies(dev) if dev else (), strict=True)):
            meant = watch.reply_of(record)
            heard = self.judge.read(reply.codes) if self.judge and task(record.task).speaks else reply.text
            made.append(
                Sample(
                    name=f"{number}-{record.task}",
                    expected=meant,
                    text=reply.text,
                    audio=self._sound(reply) if task(record.task).speaks else None,
                    error_rate=wer([meant], [heard]).rate if meant else None,
                )
            )
        return made

    @cached_property
    def _speaker(self) -> Speaker | None:
        return Speaker(self.options.voice, self.device) if self.options.voice else None

    def _sound(self, reply: Reply) -> Audio | None:
        if self._speaker is None or not reply.codes:
            return None
        return Audio(self._speaker.say(reply.codes)[None], SPOKEN_HZ)

    def _true(self, record: Record) -> tuple[int, ...]:
        """The codes of the last reply, as the record holds them."""
        items = next(m.items for m in reversed(record.messages) if m.role == "assistant")
        return tuple(code for i in items if isinstance(i, Spoken) for code in self.builder.codes(i))

    def _reply_loss(self, records: Sequence[Record]) -> float:
        """Nats per token of text in the replies."""
        total, count = 0.0, 0.0
        for examples in self.examples(records):
            batch = self.collator.batch(examples, vary=False).to(self.device)
            total += float(self.model(batch).get("text", torch.zeros(())))
            count += self.model.counts(batch)["text"]
        return total / max(count, 1.0)


def rows_of_silence(model: Learner, collator: Collator, examples: Sequence[Example], device: torch.device) -> Tensor:
    """The rows of sound [n, d] in which nothing is said: those that point at no word."""
    rows = [row for e in examples for row in model.hear(collator.batch([e], vary=False).to(device).pieces)]
    return model.wordless(torch.cat(rows))
