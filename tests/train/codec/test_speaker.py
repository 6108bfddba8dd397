"""The speaker's stage: it learns whose voice it is, and its ONNX form computes what the net computes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon.data.store import write_shard
from antiphon.errors import InputError
from antiphon.model.speaker import SpeakerNet
from antiphon.train.codec.speaker import SpeakerStage, SpeakerTraining
from antiphon.train.codec.speaker_net import SpeakerConvs, SpeakerSizes, write_onnx
from antiphon.train.features import BANDS
from tests.train.codec.conftest import in_parts_as_in_one, learn

SIZES = SpeakerSizes(width=16, dim=24, num_convs=2)
CPU = torch.device("cpu")


def made(speech: str, **others: object) -> SpeakerStage:
    options = SpeakerTraining(data=(speech,), held_out=(), sizes=SIZES, num_clips=8, frames=60)
    return SpeakerStage(replace(options, **others), seed=1, device=CPU)  # type: ignore[arg-type]


def test_it_learns_who_speaks(speech: str) -> None:
    stage = made(speech)
    stage.held = stage.corpus.clips
    first, last = learn(stage, 25, same=False)
    assert last["voice"] < 0.5 * first["voice"]
    stage.model.eval()
    with torch.no_grad():
        figures = stage.evaluate(25)
    assert figures["accuracy"] == 1.0 and figures["separation"] == figures["same"] - figures["other"] > 0.05


def test_parts_sum_to_the_whole(speech: str) -> None:
    in_parts_as_in_one(made(speech), "voice")


def test_the_graph_is_the_net(speech: str, tmp_path: Path) -> None:
    stage, net = made(speech), SpeakerConvs(SIZES)
    write_onnx(net, tmp_path / "speaker.onnx")
    session, clip = SpeakerNet(tmp_path / "speaker.onnx"), stage.corpus.clips[0]
    bands = torch.from_numpy(stage.corpus.feature(clip, BANDS).astype(np.float32))
    with torch.no_grad():
        wanted = net(bands[None]).numpy()
    made_by_graph = session.session.run(None, {session.input: bands[None].numpy()})[0]
    np.testing.assert_allclose(made_by_graph, wanted, rtol=1e-4, atol=1e-4)


def test_one_voice_is_too_few(tmp_path: Path) -> None:
    write_shard(tmp_path / "one", 0, [({"text": "", "voice": "me"}, np.zeros(48_000, np.float32))] * 3, 16_000)
    with pytest.raises(InputError, match="one voice"):
        made(str(tmp_path / "one"))
    with pytest.raises(InputError, match="none of"):
        made(str(tmp_path / "one"), frames=3000)
