"""The speech LM as a stage: what is summed, what moves, how stages follow one another, and who is caught guessing."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, layer_norm

from antiphon.config import to_dict
from antiphon.errors import ConfigError
from antiphon.train import guide, watch
from antiphon.train.decode import Reply, greedy, reply
from antiphon.train.ears import EarOptions
from antiphon.train.examples import packed
from antiphon.train.helps import Helps
from antiphon.train.learner import Learner
from antiphon.train.lexicon import UNKNOWN
from antiphon.train.log import read_log
from antiphon.train.loop import train
from antiphon.train.mixture import Mixture
from antiphon.train.options import Part, Rates, SpeechOptions
from antiphon.train.pack import Micro, micro_batches, share
from antiphon.train.pieces import Pieces
from antiphon.train.records import BadRecord, Heard, Record, Spoken, write_records
from antiphon.train.run import Optimizer, Run, Schedule
from antiphon.train.speech import SpeechStage, grown, part_of, speech
from antiphon.train.stage import Item, Place
from antiphon.train.tasks import MODALITIES, make
from antiphon.train.traits import Told, TraitHead
from antiphon.train.weights import read_weights
from tests.train import children, corpus

EVERYTHING = Rates(encoder=1e-3, adaptor=1e-3, llm=1e-3, embed=1e-3, head=1e-3)
HELPS = Helps(guide=0.3, copy=0.3, reading=0.2, row_norm=0.05, layer=1, code_noise=0.1)
PHONES = ("pau", "a", "b", "c")


def heard(city: int) -> Heard:
    phones = (("pau", 0.0, 0.1), ("a", 0.1, 0.4), ("pau", 0.4, 0.5))
    return Heard(audio=f"heard/00000:{city}", said=corpus.CITIES[city], phones=phones)


def question(city: int) -> Record:
    text = f"will it rain in {corpus.CITIES[city]}"
    asked = replace(heard(city), said=text)
    return make("asr", f"q{city}", asked, text, slots=(corpus.CITIES[city],))


def aloud(city: int) -> Spoken:
    name, codes = corpus.CITIES[city], tuple((5 * city + n) % corpus.NUM_CODES for n in range(13))
    return Spoken(text=name, codes=codes, words=((name, 0.0, 0.3),))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with a model, sounds and records beside them."""
    folder = tmp_path_factory.mktemp("runs")
    data, model = folder / "data", folder / "model"
    corpus.write_sounds(data / "corpus")
    tokenizer = corpus.tokenizer()
    tokenizer.save(model)
    (model / "sizes.json").write_text(json.dumps(to_dict(corpus.config(tokenizer.num_ids))))
    cities = range(len(corpus.CITIES))
    made = {
        "asr": [make("asr", f"a{c}", heard(c), corpus.CITIES[c]) for c in cities],
        "question": [question(c) for c in cities],
        "tts": [make("tts", f"s{c}", corpus.CITIES[c], aloud(c)) for c in cities],
        "talk": [make("talk", f"t{c}", heard(c), aloud(c), slots=(corpus.CITIES[c],)) for c in cities],
        "text": [make("text", f"w{c}", f"the capital is {corpus.CITIES[c]}") for c in cities],
    }
    for name, records in made.items():
        write_records(data / f"{name}.jsonl", records)
    write_records(data / "dev.jsonl", [r for name in ("asr", "tts", "talk") for r in made[name][:2]])
    words = {city: [PHONES[1 + n % 3], PHONES[1 + n // 3 % 3]] for n, city in enumerate(corpus.CITIES)}
    (data / "lexicon.json").write_text(json.dumps({"phones": PHONES, "words": words}))
    return folder


def options(runs: Path, *parts: tuple[str, str, float], rates: Rates = EVERYTHING, **more: object) -> SpeechOptions:
    """`parts` are (task, records, pseudo)."""
    held = tuple(Part(task=t, records=f"{r}.jsonl", tokens=1.0, pseudo=p) for t, r, p in parts)
    return SpeechOptions(model=str(runs / "model"), parts=held, rates=rates, batch=400, **more)  # type: ignore[arg-type]


def run(name: str, chosen: SpeechOptions, steps: int = 2, after: str | None = None, stage: str = "speech") -> Run:
    return Run(
        name=name,
        stage=stage if ":" in stage else "antiphon.train.speech:speech",
        options=chosen,
        steps=steps,
        micro_size=400,
        schedule=Schedule(kind="constant", warm_up=1),
        optimizer=Optimizer(decay=0.0),
        init_from=after,
        log_every=1,
        sample_every=steps,
    )


def place(runs: Path) -> Place:
    return Place(device=torch.device("cpu"), folder=runs / "x", runs=runs)


ALL = (("asr", "asr", 0.0), ("asr", "question", 1.0), ("tts", "tts", 0.0), ("talk", "talk", 0.0), ("text", "text", 0.0))


@pytest.fixture(scope="module")
def stage(runs: Path) -> SpeechStage:
    return speech(run("x", options(runs, *ALL, helps=HELPS)), place(runs))


def sums(stage: SpeechStage, items: Sequence[object]) -> dict[str, float]:
    stage.model.eval()
    return {name: value.item() for name, value in stage.losses(stage.batch(items), "speech", 0).items()}


def test_counts_and_losses_have_the_same_names(stage: SpeechStage) -> None:
    names = {*MODALITIES, "guide", "copy", "reading", "row_norm"}
    assert set(stage.weights) == names | {"phones", "aligned", "traits", "about"}
    assert stage.weights["text"] == 1 and stage.weights["speech_pad"] == 0
    found = Counter[str]()
    for step in range(4):
        batch = stage.batch(stage.items(step))
        counts, losses = stage.counts(batch), stage.losses(batch, "speech", step)
        assert set(losses) <= set(counts) == names
        assert {name for name, count in counts.items() if count} == set(losses)
        assert all(torch.isfinite(value) and value.dtype == torch.float32 for value in losses.values())
        found.update({name: int(count) for name, count in counts.items()})
    assert all(found[n] for n in ("text", "speech", "speech_pad", "guide", "copy", "reading", "row_norm"))
    assert not found["tool"] and not found["think"]


def test_sums_do_not_depend_on_how_examples_are_grouped(stage: SpeechStage) -> None:
    items = [item for step in range(3) for item in stage.items(step) if not item.record.heard or item.sounds[0].path]
    whole, parts = sums(stage, items[:6]), Counter[str]()
    for item in items[:6]:
        parts.update(sums(stage, [item]))
    assert set(whole) == set(parts) and len(items) >= 6
    for name, value in whole.items():
        assert parts[name] == pytest.approx(value, rel=1e-4), name


def test_ears_learn_phones_and_words_in_one_pass(runs: Path) -> None:
    """The rows are those of an ordinary pass, the encoder runs once, and what is known of phones is counted."""
    helps = Helps(reading=1.0, phones=1.0, aligned=0.5, decoder=False)
    both = speech(run("x", options(runs, ("asr", "asr", 0.0), helps=helps)), place(runs))
    batch = both.batch(both.items(0))
    passes = []
    hook = both.model.lm.encoder.register_forward_hook(lambda *_: passes.append(1))
    losses, counts = both.losses(batch, "speech", 0), both.counts(batch)
    hook.remove()
    assert len(passes) == len(batch.pieces) and set(losses) == {"reading", "phones", "aligned"} == set(counts)
    assert counts["phones"] == 2 * len(both.items(0)) and all(value > 0 for value in losses.values())
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert both.model.phone is not None and both.model.phone.weight.grad.abs().sum() > 0
    with both.model._steps(batch) as steps:
        both.model.hear(batch.pieces)
    frames = {n: int(f) for p in batch.pieces for n, f in zip(p.which, p.num_frames.tolist(), strict=False)}
    assert [len(s) for s in steps] == [(frames[n] + 1) // 2 for n in range(len(steps))]
    after = speech(run("x", options(runs, ("asr", "asr", 0.0))), place(runs))
    after.start_from(both.model.state_dict())  # the phones are thrown away,
    both.start_from(after.model.state_dict())  # and begin anew


def test_rows_learn_to_tell_how_a_sound_sounds(runs: Path) -> None:
    """What is known of a sound is counted and learned, through the rows; of what is not known nothing is learned."""
    told = [{"height": "high" if city > 2 else "low", "name": name} for city, name in enumerate(corpus.CITIES[:5])]
    del told[4]["name"]
    lines = [json.dumps({"audio": f"heard/00000:{n}", "is": one}) for n, one in enumerate(told)]
    (runs / "data" / "traits.jsonl").write_text("\n".join(lines))
    chosen = options(runs, ("asr", "asr", 0.0), helps=Helps(traits=1.0, decoder=False))
    telling = speech(run("x", chosen), place(runs))
    items = [telling.plain.build(replace(question(n), id=str(n)), str(n)) for n in range(6)]
    batch = telling.collator.batch(items, vary=False)
    assert [len(line.classes) for _, line in batch.traits] == [2] * 5 and telling.counts(batch)["traits"] == 9
    rows = telling.model.hear(batch.pieces)
    scores = telling.model.traits(rows)
    alone = telling.model.traits(rows[1:2])
    assert [tuple(s.shape) for s in scores] == [(6, 2), (6, 4)]
    assert all(torch.allclose(s[1:2], a, atol=1e-5) for s, a in zip(scores, alone, strict=True))
    torch.manual_seed(0)
    optimizer, losses = torch.optim.Adam(telling.model.parameters(), 0.01), []
    for step in range(60):
        (loss,) = telling.losses(batch, "speech", step).values()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        assert telling.model.lm.encoder.conv1.weight.grad is not None
        optimizer.step()
    assert losses[-1] < 0.3 * losses[0]
    plain = speech(run("x", options(runs, ("asr", "asr", 0.0))), place(runs))
    plain.start_from(telling.model.state_dict())  # the head is thrown away
    for line, why in (("{}", ":1 is no line of traits"), ('{"audio": 1, "is": []}', ":1 is no line of traits")):
        (runs / "data" / "traits.jsonl").write_text(line)
        with pytest.raises(ConfigError, match=why):
            speech(run("x", chosen), place(runs))
    (runs / "data" / "traits.jsonl").unlink()
    with pytest.raises(ConfigError, match="found no traits at .*traits.jsonl; write them"):
        speech(run("x", chosen), place(runs))


def test_a_trait_is_told_of_its_stretch_alone(runs: Path) -> None:
    """A line that has a place is learned from the rows of that place, at least one, and never from beyond the sound."""
    assert Told(None, ()).rows(9) == slice(0, 9)
    assert Told((1280, 3840), ()).rows(9) == slice(1, 3) and Told((1300, 3841), ()).rows(9) == slice(1, 4)
    assert Told((0, 999_999), ()).rows(9) == slice(0, 9) and Told((999_999, 999_999), ()).rows(9) == slice(8, 9)
    whole = {"audio": "heard/00000:0", "is": {"name": "sound"}}
    lines = [whole, whole | {"at": [0, 2560], "is": {"name": "first"}}]
    (runs / "data" / "traits.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    chosen = options(runs, ("asr", "asr", 0.0), helps=Helps(traits=1.0, decoder=False))
    telling = speech(run("x", chosen), place(runs))
    batch = telling.collator.batch([telling.plain.build(question(0), "0")], vary=False)
    assert [(sound, told.at) for sound, told in batch.traits] == [(0, None), (0, (0, 2560))]
    rows = [row.detach().requires_grad_() for row in telling.model.hear(batch.pieces)]
    (loss,) = telling.model.noticing(rows, replace(batch, traits=batch.traits[1:])).values()
    loss.backward()
    assert rows[0].grad is not None and len(rows[0]) > 2
    assert rows[0].grad[:2].abs().sum() > 0 and rows[0].grad[2:].abs().sum() == 0


def test_how_one_speaks_is_told_by_every_row() -> None:
    """The loss of a part of a sound is what looking finds, and the mean over its rows of what each tells alone."""
    torch.manual_seed(0)
    head, rows = TraitHead(8, [[1.0, 1.0], [0.5, 1.0, 2.0]]), [torch.randn(5, 8), torch.randn(3, 8)]
    lines = [Told((0, 6400), (1, 2)), Told(None, (0, UNKNOWN))]
    due = torch.zeros(())
    for row, line in zip(rows, lines, strict=True):
        for n, scores in enumerate(head([row])):
            if line.classes[n] == UNKNOWN:
                continue
            label, weight = torch.tensor([line.classes[n]]), head.get_buffer(f"weight_{n}")[line.classes[n]]
            due = due + weight * cross_entropy(scores, label)
            alone = head.tell[n](layer_norm(row, row.shape[-1:]))
            due = due + (weight * cross_entropy(alone, label.expand(len(row))) if line.at else 0)
    torch.testing.assert_close(head.loss(rows, lines), due)


def test_a_part_may_leave_its_slots_away(runs: Path) -> None:
    """What only hearing tells is learned as all other words are, and counts as they do."""
    for slots in (True, False):
        chosen = replace(options(runs), parts=(Part(task="asr", records="question.jsonl", tokens=1.0, slots=slots),))
        learning = speech(run("x", replace(chosen, weights=replace(chosen.weights, slot=1.0))), place(runs))
        counts = learning.counts(learning.batch(learning.items(0)))
        assert (counts["slot"] > 0) == slots and counts["text"] > 0


def test_a_head_is_told_where_a_word_was_heard(runs: Path) -> None:
    """An echo points at the rows that spell its word, whatever the examples' order in the batch."""
    helps = replace(HELPS, echo=True)
    stage = speech(run("x", options(runs, ("asr", "asr", 0.0), ("talk", "talk", 0.0), helps=helps)), place(runs))
    items = [item for step in range(2) for item in stage.items(step)][:6]
    batch, plain = stage.batch(items), replace(stage.collator.batch(items), echoes=[])
    assert batch.echoes and stage.counts(batch)["copy"] == len(batch.echoes) + len(batch.copies)
    stage.model.eval()
    rows = stage.model.hear(batch.pieces)
    told = stage.model._echoed(stage.model.spelling(rows, batch), batch)
    sounds = [s for item in items for s in item.sounds]
    for n, echo in enumerate(batch.echoes):
        sound = sounds[echo.sound]
        where = told.where[len(batch.copies) + n].nonzero()[:, 0].tolist()
        assert where and sound.start <= where[0] <= where[-1] < sound.start + sound.rows
        assert batch.ids[echo.example, where[0]] == stage.layout.audio_patch
    with_echo, without = stage.losses(batch, "speech", 0), stage.losses(plain, "speech", 0)
    assert with_echo["copy"] > without.get("copy", torch.zeros(())) and with_echo["text"] == without["text"]


def test_a_run_begins_from_a_model(runs: Path, random_model: Path) -> None:
    """Its speech LM, and as the vector of nothing said the rows that its ears point at no word."""
    chosen = replace(options(runs, ("asr", "asr", 0.0)), model=str(random_model))
    stage = speech(run("x", chosen), place(runs))
    before = stage.model.blank.detach().clone()
    tensors = place(runs).weights(str(random_model))
    stage.start_from(tensors)
    assert all(torch.equal(stage.model.lm.state_dict()[name], tensor) for name, tensor in tensors.items())
    assert not torch.equal(stage.model.blank, before) and stage.model.blank.isfinite().all()
    with pytest.raises(ConfigError, match="has 6561 codes and the vocabulary of"):
        speech(run("x", options(runs, *ALL, coder=str(random_model))), place(runs))


def test_packed_rows_learn_what_rows_of_their_own_do(runs: Path) -> None:
    """The same losses and counts, helps and chance included; one stage packs by itself."""
    chosen = options(runs, *ALL, helps=replace(HELPS, echo=True), pack=200)
    stage = speech(run("x", chosen), place(runs))
    rows = [row for step in range(2) for row in stage.items(step)]
    apart = [item for step in range(2) for item in stage.mixture.items(step)]
    assert len(rows) < len(apart) and all(row.size <= 200 for row in rows)
    assert sorted(i for row in rows for i in row.id.split("+")) == sorted(e.id for e in apart)
    many = [item for step in range(12) for item in stage.mixture.items(step)]
    paths = [e for e in many if all(s.path for s in e.sounds)]  # real sound hears a little of its batch's padding
    first = packed(paths[:5])
    assert len(first.packed) == 5 and first.ids == [i for e in paths[:5] for i in e.ids]
    whole, single = sums(stage, [first]), Counter[str]()
    counted = Counter[str]()
    for example in paths[:5]:
        single.update(sums(stage, [example]))
        counted.update(stage.counts(stage.batch([example])))
    assert {n: v for n, v in stage.counts(stage.batch([first])).items() if v} == {n: v for n, v in counted.items() if v}
    for name, value in whole.items():
        assert single[name] == pytest.approx(value, rel=1e-4), name


def test_only_what_has_a_rate_moves(runs: Path) -> None:
    chosen = options(runs, ("asr", "asr", 0.0))
    train(run("before", chosen, 1), runs / "before")
    for name, rates, moving in (
        ("adaptor", Rates(adaptor=1e-2), {"adaptor"}),
        ("words", Rates(llm=1e-2, head=1e-2), {"llm", "head"}),
    ):
        train(run(name, replace(chosen, rates=rates), 1, "before"), runs / name)
        before, after = (read_weights(runs / n, torch.device("cpu")) for n in ("before", name))
        changed = {part_of(key) for key in before if not torch.equal(before[key], after[key])}
        assert changed == moving
    with pytest.raises(ConfigError, match="begins from no weights"):
        speech(run("x", replace(chosen, rates=Rates(adaptor=1.0))), place(runs))
    with pytest.raises(ConfigError, match="at least one"):
        Rates()


def evaluated(folder: Path) -> list[dict[str, float]]:
    """Every evaluation in a run's log."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["eval"] for line in lines if "eval" in line]


def test_the_stages_follow_one_another(runs: Path) -> None:
    """Words, pseudo-sound, ears, alignment, everything: each begins from the last, and the ears come in between."""
    short = Schedule(kind="constant", warm_up=1)
    ears = EarOptions(
        model=str(runs / "model"),
        parts=(Part(task="asr", records="asr.jsonl", tokens=1.0),),
        batch=300,
        plain=1,
        dev="dev.jsonl",
    )
    align = options(
        runs,
        ("asr", "asr", 0.0),
        rates=Rates(adaptor=1e-3),
        ears="ears",
        dev="dev.jsonl",
        helps=Helps(reading=1.0, row_norm=0.1, decoder=False),
    )
    stages = [
        run("text", options(runs, ("text", "text", 0.0), rates=Rates(llm=1e-3, embed=1e-3, head=1e-3))),
        run("pseudo", options(runs, ("asr", "question", 1.0), dev="dev.jsonl", dev_count=2), 2, "text"),
        Run(name="ears", stage="antiphon.train.ears:ears", options=ears, steps=2, micro_size=300, schedule=short),
        run("align", align, 2, "pseudo"),
        run("main", options(runs, *ALL, helps=HELPS, dev="dev.jsonl", dev_count=6), 2, "align"),
    ]
    for each in stages:
        assert Run.from_json(each.to_json()) == each and Run.from_json(each.smoke().to_json()) == each.smoke()
        train(each, runs / each.name)
    held = {name: read_weights(runs / name, torch.device("cpu")) for name in ("ears", "pseudo", "align", "main")}
    encoder = "encoder.blocks.0.attn.query.weight"
    assert torch.equal(held["align"][f"lm.{encoder}"], held["ears"][encoder])  # frozen there, and not pseudo's
    assert not torch.equal(held["align"][f"lm.{encoder}"], held["pseudo"][f"lm.{encoder}"])
    kept = "lm.model.embed_tokens.weight"
    assert torch.equal(held["align"][kept], held["pseudo"][kept])
    assert not torch.equal(held["main"][kept], held["align"][kept])
    wers, figures = {"asr_wer", "tts_text_wer", "talk_text_wer"}, {"loss", "swapped", "slots", "guessed"}
    assert set(evaluated(runs / "main")[-1]) == wers | {f"hearing_{f}" for f in figures} | {"guessing"}
    assert set(evaluated(runs / "align")[-1]) == {"reading_wer"}
    assert list((runs / "main" / "samples").rglob("*.json"))


class Deaf(SpeechStage):
    """It cheats: whatever is heard, the model gets the same rows."""

    def __init__(self, run: Run, place: Place) -> None:
        super().__init__(run, place)
        hear = self.model.hear

        def same(pieces: Sequence[Pieces]) -> list[Tensor]:
            return [rows * 0 for rows in hear(pieces)]

        self.model.hear = same  # type: ignore[method-assign]


def test_a_stage_that_cheats_is_flagged(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_records(runs / "data" / "rain.jsonl", [question(c) for c in range(len(corpus.CITIES))])
    chosen = options(runs, ("asr", "question", 0.0), rates=Rates(llm=5e-3, embed=5e-3, head=5e-3), dev="rain.jsonl")
    each = run("deaf", chosen, 40, stage="tests.train.test_speech:Deaf")
    each = replace(each, eval_every=20, log_every=20, sample_every=0)
    train(replace(each, name="begun", steps=1, eval_every=1), runs / "begun")
    assert "guessed" not in capsys.readouterr().err  # it has learned nothing yet
    train(each, runs / "deaf")
    error = capsys.readouterr().err
    assert "run deaf, step 40: the loss has fallen" in error and "the sound makes no difference" in error
    last = evaluated(runs / "deaf")[-1]
    assert last["guessing"] == 1.0 and last["hearing_swapped"] == pytest.approx(last["hearing_loss"], rel=1e-3)
    assert last["hearing_slots"] == pytest.approx(last["hearing_guessed"], abs=0.2)


def test_the_verdict() -> None:
    listens = watch.Hearing(loss=0.05, swapped=3.5, slots=0.95, guessed=0.1)
    template = watch.Hearing(loss=0.95, swapped=1.75, slots=0.12, guessed=0.1)
    fresh = watch.Hearing(loss=6.5, swapped=6.5, slots=0.0, guessed=0.0)
    assert not watch.verdict(listens, 2000) and not watch.verdict(fresh, 2000)
    assert "what is usually said" in watch.verdict(template, 2000) and watch.verdict(template, 2000).endswith(".")
    records = [question(c) for c in (0, 1, 1, 2)]
    pairs = watch.swapped(records)
    assert [a for a, _ in pairs] == records
    assert all(b.messages[-1] == a.messages[-1] and b.heard != a.heard for a, b in pairs)
    assert watch.share_found([("paris", "rome"), ("rome",)], ["paris.", "tokyo"]) == pytest.approx(1 / 3)


def test_the_mixture_is_a_function_of_the_step(stage: SpeechStage) -> None:
    def again(seed: int) -> Mixture:  # type: ignore[type-arg]
        held = stage.mixture
        made = Mixture(held.parts, held.records, held.build, seed=seed, batch=400, longest=400, block=64)
        return made

    one, two, other = again(1), again(1), again(2)
    assert [e.id for e in one.items(7)] == [e.id for e in two.items(7)]
    assert [[e.ids for e in one.items(s)] for s in range(3)] != [[e.ids for e in other.items(s)] for s in range(3)]
    drawn = [draw for block in range(30) for draw in one.drawn(block)]
    counted = Counter(draw.part for draw in drawn)
    for part, amount in enumerate(one.shares):
        assert counted[part] == round(amount * 64 * 30)  # exact shares
        seen = Counter(draw.record for draw in drawn if draw.part == part)
        assert max(seen.values()) - min(seen.values()) <= 1 and len(seen) == len(corpus.CITIES)  # each once an epoch
    assert sum(one.shares) == pytest.approx(1.0)
    for step in range(10):
        sizes = {e.size for e in one.items(step)}
        assert len(sizes) == 1 and max(sizes) * len(one.items(step)) <= 400  # one length a batch


def test_a_record_of_another_task_is_refused(runs: Path) -> None:
    with pytest.raises(BadRecord, match=r"asr.jsonl:\d: .*of the task asr; tts was expected"):
        speech(run("x", options(runs, ("tts", "asr", 0.0))), place(runs)).items(0)


def test_another_models_embeddings_grow() -> None:
    own = {"lm.model.embed_tokens.weight": torch.zeros(5, 2), "lm.lm_head.weight": torch.zeros(5, 2)}
    found = grown({name: torch.ones(3, 2) for name in own}, own)
    assert all(t.shape == (5, 2) and t[:3].eq(1).all() and t[3:].eq(0).all() for t in found.values())


def test_a_guided_head_is_the_layers_own(stage: SpeechStage) -> None:
    layer = stage.model.lm.model.layers[1].self_attn
    x = torch.randn(2, 6, 32)
    log = guide.head_attention(layer, x, 2, 1e6).detach()
    assert torch.allclose(log.exp().sum(-1), torch.ones(2, 6), atol=1e-5) and log[0].exp().triu(1).sum() == 0
    look = guide.targets([[(3, (0, 1))], [(5, (5,))]], 6)
    expected = -(log[0, 3, :2].logsumexp(-1) + log[1, 5, 5])
    assert guide.look_loss(log, look) == pytest.approx(float(expected), rel=1e-5)


def test_a_pause_that_an_engine_names_guides_nowhere(stage: SpeechStage) -> None:
    ids, words = stage.tokenizer.encode("the sky"), [("the", 0.0, 0.3), ("", 0.3, 0.31), ("sky", 0.31, 0.8)]
    spans = guide.word_spans(stage.tokenizer, ids, words)
    assert spans[1] is None and all(span and span[0] < span[1] for span in (spans[0], spans[2]))


def test_a_third_head_is_told_which_stretch_of_a_sound_is_asked_about(runs: Path) -> None:
    """The loss is of its own layer and head, and less when that head looks there."""
    asked = replace(heard(0), about=(1280, 3840))
    write_records(runs / "data" / "about.jsonl", [make("answer", "a0", asked, corpus.CITIES[0])])
    chosen = options(runs, ("answer", "about", 0.0), helps=Helps(about=1.0, about_layer=1, about_head=2))
    watched = speech(run("x", chosen), place(runs))
    example = watched.plain.build(make("answer", "a0", asked, corpus.CITIES[0]), "0")
    batch = watched.collator.batch([example], vary=False)
    assert len(batch.abouts) == watched.counts(batch)["about"] == len(example.abouts) > 0
    lm = watched.model.lm.model
    attention = lm.layers[1].self_attn
    grown = attention.q_proj.weight.detach().clone()
    watched.losses(batch, "speech", 0)["about"].backward()
    size = attention.head_dim
    grad = attention.q_proj.weight.grad
    assert grad is not None and grad[2 * size : 3 * size].abs().sum() > 0
    assert grad[: 2 * size].abs().sum() == 0 and grad[3 * size :].abs().sum() == 0  # of no other head of that layer
    before = watched.losses(batch, "speech", 0)["about"].item()
    with torch.no_grad():
        attention.q_proj.weight.copy_(grown - 0.01 * grad)
    assert watched.losses(batch, "speech", 0)["about"].item() < before


def test_greedy_stops_by_itself(stage: SpeechStage) -> None:
    lm, width = stage.model.lm.eval(), 32
    prompts = [torch.randn(3, width), torch.randn(5, width)]
    both = greedy(lm, prompts, stop=-1, limit=6)
    alone = [greedy(lm, [p], stop=-1, limit=6)[0] for p in prompts]
    assert both == alone and all(len(made) == 6 for made in both)
    stop = both[0][2]
    assert greedy(lm, prompts[:1], stop=stop, limit=6)[0] == both[0][: both[0].index(stop)]


def test_a_thought_is_no_part_of_the_reply(stage: SpeechStage) -> None:
    ids = stage.tokenizer.encode("is it rome? it is.</think>\n\nyes")
    assert reply(ids, stage.tokenizer, stage.layout, False) == Reply("yes")


def test_heads_that_are_not_there() -> None:
    sizes = corpus.config(500).lm
    with pytest.raises(ConfigError, match="head 0 of layer 2; the model has 2 layers of 4"):
        Learner(sizes, 100, Helps(guide=1.0, layer=2))


@pytest.mark.slow
def test_a_rank_without_sound_does_not_hang(runs: Path, tmp_path: Path) -> None:
    """On two ranks one may hear while the other only reads; both see and learn what one rank alone does."""
    long = [make("text", f"l{n}", " is" * (38 + n)) for n in range(6)]  # about as long as the others
    write_records(runs / "data" / "long.jsonl", long)
    parts, data = (("text", "long", 0.0), ("asr", "asr", 0.0)), str(runs / "data")
    chosen = options(runs, *parts, data=data, helps=Helps(reading=0.1))
    mixed = replace(run("mixed", chosen, 4), micro_size=64, sample_every=0)
    stage = speech(mixed, place(runs))
    groups = [micro_batches(stage.items(step), mixed.micro_size) for step in range(4)]
    heard = {tuple(bool(m.items[0].record.heard) for m in pair) for g in groups for pair in zip(*both(g), strict=True)}
    assert (True, False) in heard or (False, True) in heard
    for size in (1, 2):
        assert children.train(mixed, tmp_path / str(size), size=size) == []
    logs = [[line for line in read_log(tmp_path / str(size)) if "loss" in line] for size in (1, 2)]
    for one, two in zip(*logs, strict=True):
        assert one["loss"] == pytest.approx(two["loss"], abs=1e-5)
        assert (one["seen"], one["count"]) == (two["seen"], two["count"])


def both(groups: list[tuple[Item, ...]]) -> list[list[Micro]]:
    """The micro-batches of two ranks."""
    return [share(groups, rank, 2) for rank in range(2)]


def test_a_reply_aloud_is_written_as_sound(runs: Path) -> None:
    """nano reads a sentence: what it said is a sample that can be listened to, and its words are the sentence's."""
    said = "the capital of france is paris."
    codes = tuple(range(100, 160))
    record = make("tts", "read", said, Spoken(text=said, codes=codes, words=(("the", 0.0, 2.0),)))
    write_records(runs / "data" / "read.jsonl", [record])
    chosen = options(runs, ("tts", "read", 0.0), dev="read.jsonl", dev_count=1, voice="nano")
    place = Place(device=torch.device("cpu"), folder=runs / "x", runs=runs)
    stage = speech(run("read", replace(chosen, model="nano")), place)
    stage.start_from(place.weights("nano"))
    stage.model.eval()
    (sample,) = stage.sample(0)
    assert sample.text == said and sample.error_rate == 0
    assert sample.audio is not None and 1.0 < sample.audio.duration_s < 4.0
    assert float(sample.audio.samples.abs().max()) > 0.05
