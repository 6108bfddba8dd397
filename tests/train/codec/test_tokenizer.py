"""The tokenizer's stage: it learns, it counts its targets, it notices a collapse, and what comes out is ordinary."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from antiphon.errors import ConfigError
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.train.codec.draw import num_codes
from antiphon.train.codec.judge import judge_of
from antiphon.train.codec.reader import read_chars
from antiphon.train.codec.tokenizer import IGNORED, TokenizerStage, TokenizerTraining, trained
from antiphon.train.codec.usage import CodebookCollapse, CodeUsage, perplexity
from antiphon.train.features import HEARD
from antiphon.train.loop import train
from antiphon.train.run import Run
from antiphon.train.weights import read_weights
from tests.train.codec.conftest import READER, TOKENIZER, VOWEL_S, in_parts_as_in_one, learn

CPU = torch.device("cpu")


def options(speech: str, **others: object) -> TokenizerTraining:
    return replace(TokenizerTraining(data=(speech,), sizes=TOKENIZER, reader=READER, batch=128, lr=3e-3), **others)


def made(speech: str, **others: object) -> TokenizerStage:
    return TokenizerStage(options(speech, **others), seed=1, device=CPU)


def test_it_learns(speech: str) -> None:
    stage = made(speech)
    first, last = learn(stage, 25)
    assert all(last[name] < 0.9 * first[name] for name in ("phones", "mel", "ctc")), (first, last)
    stage.model.eval()
    with torch.no_grad():
        figures = stage.evaluate(25)
    assert set(figures) == {"used", "perplexity", "phones", "wer", "cer"}
    assert 1 <= figures["perplexity"] <= figures["used"] <= TOKENIZER.num_codes


def test_a_step_is_a_function_of_seed_and_step(speech: str) -> None:
    stage, other = made(speech), TokenizerStage(options(speech), seed=2, device=CPU)
    assert [i.id for i in stage.items(5)] == [i.id for i in made(speech).items(5)]
    assert [[i.id for i in s.items(n)] for s, n in ((stage, 6), (other, 5))] != [[i.id for i in stage.items(5)]] * 2
    assert all(torch.equal(a, b) for a, b in zip(*(s.batch(s.items(5)) for s in (stage, made(speech))), strict=True))


def test_parts_sum_to_the_whole(speech: str) -> None:
    stage = made(speech)
    stage.model.eval()  # a batch norm that learns hears its whole batch
    in_parts_as_in_one(stage, "all")


def test_labels_say_which_vowel_sounds(speech: str) -> None:
    stage = made(speech)
    clip = stage.held[0]
    labels = stage.labels(clip, 70)
    names = {number: name for name, number in stage.phones.items()}
    inside = [i for i in range(60) if 1 <= i % (50 * VOWEL_S) < 50 * VOWEL_S - 2]  # not where one vowel ends
    assert [names[int(labels[i])] for i in inside] == [clip.text[int(i / 50 / VOWEL_S)] for i in inside]
    assert [stage.alphabet[i - 1] for i in stage.spell(clip.text)] == list(clip.text)


def test_without_an_alignment_or_a_text_those_losses_count_nothing(speech: str) -> None:
    stage = made(speech)
    for clip in (item.clip for item in stage.items(0)):
        clip.row.update(phones=[], text="")
    batch = stage.batch(stage.items(0))
    counts = stage.counts(batch)
    assert counts["phones"] == counts["ctc"] == 0 < counts["mel"] and (batch.phones == IGNORED).all()
    losses = stage.losses(batch, "all", 0)
    assert losses["phones"].item() == losses["ctc"].item() == 0 < losses["mel"].item()


def test_the_folded_tokenizer_says_the_same_codes(speech: str) -> None:
    stage = made(speech)
    learn(stage, 4)
    stage.model.eval()
    batch = stage.batch(stage.items(0))
    with torch.no_grad():
        read = stage.model(batch.mel, batch.num_heard)
        codes, num = stage.model.folded()(batch.mel, batch.num_heard)
    assert torch.equal(num, read.num_codes)
    agree = [(a[:n] == b[:n]).float().mean() for a, b, n in zip(codes, read.codes, num, strict=True)]
    assert torch.stack(agree).mean() > 0.98  # a digit on the edge may round otherwise


def test_codes_are_as_many_as_were_expected(speech: str) -> None:
    stage, tokenizer = made(speech), SpeechTokenizer(TOKENIZER).eval()
    for clip in stage.held:
        mel = torch.from_numpy(stage.corpus.feature(clip, HEARD)).float().T[None]
        assert tokenizer(mel)[0].shape[1] == num_codes(clip)


def test_a_collapse_ends_the_run_with_advice(speech: str) -> None:
    stage = made(speech, watch_from=1)
    batch = stage.batch(stage.items(0))
    stage.losses(batch, "all", 0)
    stage.losses(batch, "all", 1)  # a new model uses many codes
    with torch.no_grad():
        assert stage.model.norm is not None
        stage.model.norm = None  # nothing keeps the levels in use,
        stage.model.tokenizer.quantizer.codebook.project_down.weight.zero_()  # and all is one code
    for step in range(2, 200):
        try:
            stage.losses(batch, "all", step)
        except CodebookCollapse as error:
            assert "perplexity of" in str(error) and "lower the learning rate" in str(error)
            return
    raise AssertionError("200 batches of one code went unnoticed")


def test_usage_says_which_digits_are_stuck() -> None:
    usage = CodeUsage((3, 3, 3))
    usage(torch.arange(9).repeat(40))  # the last digit stays 0
    assert perplexity(usage.counts) == pytest.approx(9)
    usage.check(0.3, 5)
    with pytest.raises(CodebookCollapse, match="digits 2 of 3 never change"):
        usage.check(0.5, 5)


def test_from_released_weights_codes_keep_their_meaning(speech: str, random_model: str) -> None:
    from antiphon.train.codec.parts import initial

    stage = made(speech, init=str(random_model))
    assert stage.model.norm is None
    before = initial("speech tokenizer", str(random_model), lambda: SpeechTokenizer(TOKENIZER))
    batch = stage.batch(stage.items(0)[:2])
    stage.model.eval()
    with torch.no_grad():
        read = stage.model(batch.mel, batch.num_heard)
        assert torch.equal(before(batch.mel, batch.num_heard)[0], read.codes)
    assert any(p.requires_grad for p in stage.model.tokenizer.parameters())


def test_a_frozen_tokenizer_stays_and_its_reader_judges_codes(speech: str, random_model: str, tmp_path: Path) -> None:
    """What a run leaves reads codes without its data, as its own evaluation does; a model has no reader."""
    from antiphon.train.codec.parts import initial

    options = TokenizerTraining(
        data=(speech,), init=str(random_model), frozen=True, reader=READER, batch=128, num_held_out=2
    )
    run = Run(name="reader", stage="antiphon.train.codec.tokenizer:stage", options=options, steps=2, micro_size=128)
    train(run, tmp_path / "reader")
    before = initial("speech tokenizer", str(random_model), lambda: SpeechTokenizer(TOKENIZER))
    after = trained("reader", tmp_path)
    assert all(torch.equal(tensor, after.state_dict()[name]) for name, tensor in before.state_dict().items())
    judge = judge_of("reader", tmp_path)
    assert judge is not None and judge_of(str(random_model)) is None and judge.read([]) == ""
    stage = TokenizerStage(options, seed=0, device=torch.device("cpu"))
    stage.start_from(read_weights(tmp_path / "reader", torch.device("cpu")))
    stage.model.eval()
    for item in stage.items(0)[:3]:
        batch = stage._collate([item], 0.0)
        with torch.no_grad():
            read = stage.model(batch.mel, batch.num_heard)
        num = int(read.num_codes[0])
        heard = read_chars(read.chars[0, : 2 * num], stage.alphabet)
        assert judge.read(read.codes[0, :num].tolist()) == heard
    with pytest.raises(ConfigError, match="stays noise"):
        TokenizerTraining(data=(speech,), frozen=True)


def test_another_alphabet_is_read_anew(speech: str) -> None:
    one, other = made(speech), made(speech, alphabet="aeio")
    own = {name: tensor.clone() for name, tensor in other.model.state_dict().items()}
    other.start_from(one.model.state_dict())
    now = other.model.state_dict()
    assert torch.equal(now["alphabet"], own["alphabet"]) and torch.equal(
        now["reader.char.weight"], own["reader.char.weight"]
    )
    assert torch.equal(now["reader.mel.weight"], one.model.state_dict()["reader.mel.weight"])
