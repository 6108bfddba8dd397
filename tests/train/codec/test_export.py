"""What was trained loads as a model: every part of the voice exchanged, in both layouts."""

from pathlib import Path
from typing import Any

import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.errors import ConfigError, InputError, WeightsError
from antiphon.model.speaker import SpeakerNet
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.train.codec import export, flow, speaker, tokenizer, vocoder
from antiphon.train.codec.flow import FlowTraining
from antiphon.train.codec.speaker import SpeakerTraining
from antiphon.train.codec.speaker_net import SpeakerSizes
from antiphon.train.codec.tokenizer import TokenizerTraining
from antiphon.train.codec.vocoder import VocoderTraining
from antiphon.train.export import Export
from antiphon.train.export import export as export_of
from antiphon.train.features import Corpus, codes_by
from antiphon.train.loop import train
from antiphon.train.options import Part, Rates, SpeechOptions
from antiphon.train.records import write_records
from antiphon.train.run import Run, override
from antiphon.train.sounds import Sounds
from antiphon.train.tasks import make
from antiphon.train.weights import read_weights, write_weights
from antiphon.weights.parts import load_parts
from tests.train.codec.conftest import HIFT, READER, TOKENIZER
from tests.train.codec.test_vocoder import JUDGES


def trained(folder: Path, part: str, options: Any, steps: int = 1) -> str:
    """A finished run of the trainer; its folder."""
    name = f"antiphon.train.codec.{part}:stage"
    train(Run(name=folder.name, stage=name, options=options, steps=steps, micro_size=128, eval_every=0), folder)
    return str(folder)


@pytest.fixture(scope="module")
def runs(speech: str, random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A run of each stage, tokenizer and flow begun from a model."""
    model, home = str(random_model), tmp_path_factory.mktemp("runs")
    tokens = TokenizerTraining(data=(speech,), init=model, reader=READER).smoke()
    voice = SpeakerTraining(data=(speech,), sizes=SpeakerSizes(width=8), frames=60).smoke()
    wave = VocoderTraining(data=(speech,), sizes=HIFT, judges=JUDGES).smoke()
    mel = FlowTraining(data=(speech,), tokenizer="tokens", speaker="voice", init=model).smoke()
    return {
        "tokens": trained(home / "tokens", "tokenizer", tokens),
        "voice": trained(home / "voice", "speaker", voice),
        "wave": trained(home / "wave", "vocoder", wave),
        "mel": trained(home / "mel", "flow", mel),
    }


@pytest.mark.parametrize("layout", ["own", "released"])
def test_all_parts_exchanged(runs: dict[str, str], random_model: Path, tmp_path: Path, layout: str) -> None:
    target = tmp_path / f"model-{layout}"
    export.assemble(random_model, target, **runs, layout=layout)  # type: ignore[arg-type]
    voice = load_parts(target).voice
    assert voice is not None and voice.hift.config == HIFT
    pairs = [
        (voice.tokenizer, tokenizer.trained(runs["tokens"])),
        (voice.flow, flow.trained(runs["mel"])),
        (voice.hift, vocoder.trained(runs["wave"]).fold()),
    ]
    for loaded, learned in pairs:
        held = learned.state_dict()
        assert all(torch.equal(tensor, held[name]) for name, tensor in loaded.state_dict().items())
    net, wave = speaker.trained(runs["voice"]), torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    assert not isinstance(net, Path) and SpeakerNet(voice.speaker)(wave).shape == (1, net.sizes.dim)


def test_a_part_alone_and_what_does_not_fit(
    runs: dict[str, str], random_model: Path, tmp_path: Path, speech: str
) -> None:
    export.assemble(random_model, tmp_path / "one", wave=runs["wave"])
    before, after = load_parts(random_model).voice, load_parts(tmp_path / "one").voice
    assert before is not None and after is not None
    assert torch.equal(before.flow.encoder_proj.weight, after.flow.encoder_proj.weight)
    other = trained(tmp_path / "small", "tokenizer", TokenizerTraining(data=(speech,), sizes=TOKENIZER, reader=READER))
    with pytest.raises(ConfigError, match="has 27 codes and the flow 6561"):
        export.assemble(random_model, tmp_path / "two", tokens=other)
    with pytest.raises(WeightsError, match="trained no flow"):
        export.assemble(random_model, tmp_path / "two", mel=runs["wave"])
    assert not (tmp_path / "two").exists()


def test_the_language_model_reads_the_codes_of_a_corpus(runs: dict[str, str], speech: str) -> None:
    """They are written when they are first asked for, beside the sound, and another tokenizer's are others."""
    folder, by = Path(speech), tokenizer.trained(runs["tokens"])

    def written() -> set[Path]:
        return set((folder / "features").glob("00000.codes-*[0-9a-f].npy"))

    sounds = Sounds(folder.parent, coder=codes_by(by))
    corpus = Corpus([folder], keep=False)
    wanted = corpus.feature(corpus.clips[2], codes_by(by))[:, 0]
    assert list(sounds.codes(f"{folder.name}/00000:2")) == wanted.tolist()
    before = written()
    assert before
    torch.manual_seed(5)
    other = Sounds(folder.parent, coder=codes_by(SpeechTokenizer(TOKENIZER)))
    assert list(other.codes(f"{folder.name}/00000:2")) != wanted.tolist()
    assert before < written() and len(written() - before) == 1
    with pytest.raises(InputError, match="holds 6 rows"):
        sounds.codes(f"{folder.name}/00000:6")


def spoken_to(folder: Path, random_model: Path) -> str:
    """A finished run of a speech LM of the model's sizes, one step long, on words alone."""
    write_records(folder / "data" / "text.jsonl", [make("text", f"{n}", "the quick brown fox") for n in range(4)])
    options = SpeechOptions(
        model=str(random_model),
        parts=(Part(task="text", tokens=1.0, records="text.jsonl"),),
        rates=Rates(llm=1e-3),
        batch=64,
    )
    run = Run(name="words", stage="antiphon.train.speech:speech", options=options, steps=1, micro_size=64, eval_every=0)
    train(run, folder / "words")
    return "words"


def test_an_export_of_a_recipe(
    runs: dict[str, str], random_model: Path, tmp_path: Path
) -> None:
    """A whole model of runs, by their names; made again when they have changed, and only then."""
    lm = spoken_to(tmp_path, random_model)
    clip = tmp_path / "voice.wav"
    Audio(torch.full((1, 24_000), 0.1), 24_000).write(clip)
    codec = Export(name="codec", base=str(random_model), wave=runs["wave"], clip=str(clip))
    whole = Export(name="model", base="codec", lm=lm)
    assert override(whole, ["layout=own"]).layout == "own" and whole.smoke() == whole
    target = [export_of(each, tmp_path) for each in (codec, whole)][1]
    parts = load_parts(target)
    learned = read_weights(tmp_path / lm, torch.device("cpu"))
    assert all(torch.equal(tensor, learned[f"lm.{name}"]) for name, tensor in parts.lm.state_dict().items())
    assert parts.voice is not None and parts.voice.hift.config == HIFT
    assert parts.voice.clip is not None and parts.voice.clip.read_bytes() == clip.read_bytes()
    made = (target / "config.json").stat().st_mtime_ns
    export_of(whole, tmp_path)
    assert (target / "config.json").stat().st_mtime_ns == made
    write_weights(tmp_path / lm, learned | {"lm.model.norm.weight": learned["lm.model.norm.weight"] + 1})
    export_of(whole, tmp_path)
    assert (target / "config.json").stat().st_mtime_ns != made
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigError, match="is no export of this recipe"):
        export_of(Export(name="taken", base="codec"), tmp_path)
    with pytest.raises(WeightsError, match="no finished run 'gone'"):
        export_of(Export(name="other", base="codec", lm="gone"), tmp_path)
    with pytest.raises(ConfigError, match="which is no .wav file"):
        export_of(Export(name="other", base="codec", clip="voice.mp3"), tmp_path)
    assert not (tmp_path / "other").exists()
    with pytest.raises(ConfigError, match="layouts are released and own"):
        Export(name="x", base="codec", layout="mine")
