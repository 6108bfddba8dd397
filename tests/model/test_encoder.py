"""The audio encoder and the adaptor equal the released ones, alone and in padded batches."""

from pathlib import Path

import pytest
import torch

from antiphon.config import EncoderConfig
from antiphon.errors import InputError
from antiphon.model.encoder import AudioEncoder
from antiphon.model.speech_lm import SpeechLM
from tests.model.released import arrays, tiny_lm

CASES = {name: [name] for name in ("sine", "noise", "chirp", "real")}
CASES |= {"batch_real_noise": ["real", "noise"], "batch_chirp_noise": ["chirp", "noise"]}


@pytest.fixture(scope="module")
def model(golden_lm: Path) -> SpeechLM:
    return tiny_lm(golden_lm)


def padded(golden: Path, names: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """The stored mels as one batch, padded with 0.0 as the reference does, and their frames."""
    mels = [arrays(golden / "mel.npz")[f"mel_{name}"] for name in names]
    num_frames = torch.tensor([m.shape[-1] for m in mels])
    batch = torch.zeros(len(mels), mels[0].shape[0], int(num_frames.max()))
    for row, mel in zip(batch, mels, strict=True):
        row[:, : mel.shape[-1]] = mel
    return batch, num_frames


@pytest.mark.parametrize("case", CASES)
def test_encoder_and_adaptor_equal_the_released_ones(golden_lm: Path, model: SpeechLM, case: str) -> None:
    expected = {k.split("/")[1]: v for k, v in arrays(golden_lm / "encoder.npz").items() if k.startswith(case + "/")}
    mel, num_frames = padded(golden_lm, CASES[case])
    features, lengths = model.encoder(mel, num_frames)
    torch.testing.assert_close(features, expected["encoder_out"], atol=2e-5, rtol=0)
    assert lengths.tolist() == expected["encoder_lens"].tolist()
    torch.testing.assert_close(model.adapter(features), expected["adaptor_out"], atol=4e-5, rtol=0)
    rows = model.hear_batch(mel, num_frames)
    assert [len(r) for r in rows] == expected["embed_lens"].tolist()


def test_embedding_equals_the_released_convolutions(golden_lm: Path, model: SpeechLM) -> None:
    mel, _ = padded(golden_lm, ["chirp"])
    expected = arrays(golden_lm / "encoder.npz")
    first = torch.nn.functional.gelu(model.encoder.conv1(mel))
    torch.testing.assert_close(first, expected["chirp/after_conv1"], atol=2e-5, rtol=0)
    x = model.encoder.embed(mel)
    positions = model.encoder.positional_embedding.weight[: x.shape[1]]
    torch.testing.assert_close((x - positions).mT, expected["chirp/after_conv2"], atol=2e-5, rtol=0)


def test_a_piece_heard_alone_ignores_company_and_the_batch_does_not(golden_lm: Path, model: SpeechLM) -> None:
    mel, num_frames = padded(golden_lm, ["real", "noise"])
    alone = model.hear(mel[1:, :, : int(num_frames[1])])
    together = model.hear_batch(mel, num_frames)[1]
    torch.testing.assert_close(alone[:-1], together[:-1], atol=4e-5, rtol=0)
    assert float((alone[-1] - together[-1]).abs().max()) > 1.0  # the reference's habit: 2.2 on this clip


def test_a_piece_longer_than_the_position_table_is_refused_and_the_longest_is_not() -> None:
    encoder = AudioEncoder(EncoderConfig(num_mels=4, max_frames=6, width=8, num_heads=2, num_layers=1))
    assert encoder(torch.zeros(1, 4, 12))[0].shape == (1, 3, 8)
    with pytest.raises(InputError, match="13 mel frames"):
        encoder(torch.zeros(1, 4, 13))


@pytest.mark.parametrize("num_frames", [3, 4, 5, 12])
def test_the_shortest_pieces_are_finite_and_give_the_promised_rows(model: SpeechLM, num_frames: int) -> None:
    rows = model.hear(torch.zeros(1, 128, num_frames))
    assert rows.isfinite().all() and len(rows) == ((num_frames - 1) // 4 + 1) // 2
