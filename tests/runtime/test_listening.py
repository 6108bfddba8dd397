"""A stream is the file with the same cuts, to the bit; and what is encoded when."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.errors import ConfigError
from antiphon.rates import HEARD_HZ
from antiphon.runtime.listening import PER_MS, Cutting, Listening, pieces_of
from antiphon.runtime.turns import Utterance
from antiphon.text.variants import variant
from tests.runtime.world import Hands, Scripted


def sound(seconds: float, seed: int = 0) -> torch.Tensor:
    return torch.randn(int(seconds * HEARD_HZ), generator=torch.Generator().manual_seed(seed)) * 0.1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([Cutting("exact"), Cutting("windowed", 2), Cutting("windowed", 3)]),
    st.integers(0, 4_000),
    st.integers(50, 30_000),
    st.integers(400, 5_000),
)
def test_a_stream_is_the_file_with_the_same_cuts(cutting: Cutting, start: int, length: int, chunk: int) -> None:
    whole = sound((start + length) / 1000 + 0.5)
    mind = Scripted(Hands())
    listening = Listening(mind, cutting)
    for samples in torch.split(whole, chunk):
        listening.hear(samples, start if listening.end_ms > start else None)
    items = listening.turn(Utterance(start, start + length, length))
    wanted = pieces_of(whole[start * PER_MS : (start + length) * PER_MS], cutting)
    assert len(items) == len(wanted)
    for item, piece in zip(items, wanted, strict=True):
        assert torch.equal(mind.sounds[item.key], piece)


@pytest.mark.parametrize(("cutting", "early"), [(Cutting("exact"), 0), (Cutting("windowed", 2), 4)])
def test_full_pieces_are_encoded_while_the_user_speaks(cutting: Cutting, early: int) -> None:
    mind = Scripted(Hands())
    listening = Listening(mind, cutting)
    for samples in torch.split(sound(9.5), 512):
        listening.hear(samples, 0)
    assert len(mind.encoded) == early
    turn = Utterance(0, 9_400, 9_000)
    first = listening.turn(turn)
    assert len(mind.encoded) == early + 1
    assert listening.turn(turn) == first and len(mind.encoded) == early + 1  # nothing followed: nothing to do


def test_sound_is_forgotten_and_what_is_kept_is_bounded() -> None:
    listening = Listening(Scripted(Hands()), Cutting("windowed", 2))
    for _ in range(200):
        listening.hear(sound(1.0), None)
    assert sum(len(chunk) for chunk in listening._chunks) <= 62 * HEARD_HZ
    assert torch.equal(listening.before(200_000, 500), sound(1.0)[-8000:])
    listening.forget(150_000)
    assert not listening._full


def test_windows_have_bounds() -> None:
    with pytest.raises(ConfigError):
        Cutting("windowed", 9)
    with pytest.raises(ConfigError):
        Cutting("sliding")


def test_nano_listens_in_windows_and_the_released_model_in_pieces() -> None:
    assert Cutting.of(variant("nano")) == Cutting("windowed", 8)
    assert Cutting.of(variant("mini")) == Cutting("exact")
