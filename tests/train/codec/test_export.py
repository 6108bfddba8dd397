"""What was trained loads as a model: every part of the voice exchanged, in both layouts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from antiphon.data.store import read_index
from antiphon.errors import ConfigError, WeightsError
from antiphon.model.speaker import SpeakerNet
from antiphon.train.codec import export, flow, speaker, tokenizer, vocoder
from antiphon.train.codec.flow import FlowTraining
from antiphon.train.codec.speaker import SpeakerTraining
from antiphon.train.codec.speaker_net import SpeakerSizes
from antiphon.train.codec.tokenizer import TokenizerTraining
from antiphon.train.codec.vocoder import VocoderTraining
from antiphon.train.features import Corpus, codes_by
from antiphon.train.loop import train
from antiphon.train.run import Run
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


def test_the_language_model_reads_the_codes_of_a_corpus(runs: dict[str, str], speech: str, tmp_path: Path) -> None:
    folder, by = Path(speech), tokenizer.trained(runs["tokens"])
    total = export.write_codes(by, folder, tmp_path / "codes" / folder.name)
    assert export.write_codes(by, folder, tmp_path / "codes" / folder.name) == 0  # all is there
    held = np.load(tmp_path / "codes" / folder.name / "00000.npz")
    assert len(held["at"]) == len(read_index(folder, 0)) + 1 and total == 2 * held["at"][-1]
    corpus = Corpus([folder], keep=False)
    wanted = corpus.feature(corpus.clips[2], codes_by(by))[:, 0]
    sounds = pytest.importorskip("antiphon.train.sounds")
    assert list(sounds.Sounds(folder.parent, tmp_path / "codes").codes(f"{folder.name}/00000:2")) == wanted.tolist()
