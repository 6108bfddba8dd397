"""Where sound meets text: parity of embeddings, logits and greedy tokens; placeholders; one encoding per piece."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from antiphon.errors import InputError
from antiphon.model.speech_lm import SpeechLM, segments_of
from tests.model.released import PATCH, START, arrays, tiny_lm

HEARD = {"one_audio": ["sine"], "two_audio": ["real", "noise"], "single_C1": ["chirp"], "single_C2": ["noise"]}


@pytest.fixture(scope="module")
def model(golden_lm: Path) -> SpeechLM:
    return tiny_lm(golden_lm)


@pytest.fixture(scope="module")
def golden(golden_lm: Path) -> dict[str, Tensor]:
    return arrays(golden_lm / "model_io.npz")


def hear(model: SpeechLM, folder: Path, names: list[str]) -> list[Tensor]:
    """All pieces of a prompt as one padded batch, as the reference encodes them."""
    mels = [arrays(folder / "mel.npz")[f"mel_{n}"] for n in names]
    batch = torch.zeros(len(mels), 128, max(m.shape[-1] for m in mels))
    for line, mel in zip(batch, mels, strict=True):
        line[:, : mel.shape[-1]] = mel
    return model.hear_batch(batch, torch.tensor([m.shape[-1] for m in mels]))


def embed(model: SpeechLM, ids: Tensor, sounds: list[Tensor]) -> Tensor:
    return model.embed(segments_of(ids, sounds, start=START, patch=PATCH))[None]


def greedy(model: SpeechLM, x: Tensor, num: int, capacity: int = 128) -> list[int]:
    """Tokens by the cached path."""
    logits, state = model(x, model.init_state(1, capacity))
    tokens = [int(logits[0, -1].argmax())]
    while len(tokens) < num:
        logits, state = model(torch.tensor([[tokens[-1]]]), state)
        tokens.append(int(logits[0, -1].argmax()))
    return tokens


@pytest.mark.parametrize("case", HEARD)
def test_one_prompt_equals_the_released_model(
    golden_lm: Path, golden: dict[str, Tensor], model: SpeechLM, case: str
) -> None:
    x = embed(model, golden[f"{case}/input_ids"][0], hear(model, golden_lm, HEARD[case]))
    torch.testing.assert_close(x, golden[f"{case}/inputs_embeds"], atol=4e-5, rtol=0)
    for state in (None, model.init_state(1, 128)):
        hidden, _ = model.model(x, state)
        torch.testing.assert_close(hidden, golden[f"{case}/last_hidden"], atol=5e-5, rtol=0)
    logits, _ = model(x)
    torch.testing.assert_close(logits, golden[f"{case}/logits"], atol=1e-4, rtol=0)
    assert greedy(model, x, 24) == golden[f"{case}/greedy"][0].tolist()


@pytest.mark.parametrize("case", ["batch_left", "batch_right"])
def test_padded_prompts_equal_the_released_model(
    golden_lm: Path, golden: dict[str, Tensor], model: SpeechLM, case: str
) -> None:
    mask = golden[f"{case}/attention_mask"].bool()
    sounds = hear(model, golden_lm, ["chirp", "noise"])
    x = torch.cat([embed(model, ids, [s]) for ids, s in zip(golden[f"{case}/input_ids"], sounds, strict=True)])
    torch.testing.assert_close(x[mask], golden[f"{case}/inputs_embeds"][mask], atol=4e-5, rtol=0)
    hidden, _ = model.model(x, mask=mask)
    torch.testing.assert_close(hidden[mask], golden[f"{case}/last_hidden"][mask], atol=5e-5, rtol=0)
    logits, _ = model(x, mask=mask)
    torch.testing.assert_close(logits[mask], golden[f"{case}/logits"][mask], atol=1e-4, rtol=0)
    if case == "batch_left":
        assert padded_greedy(model, x, mask, 24).tolist() == golden["batch_left/greedy"].tolist()


def padded_greedy(model: SpeechLM, x: Tensor, mask: Tensor, num: int) -> Tensor:
    """Tokens of a left-padded batch, everything recomputed for every token, as the reference does."""
    tokens = []
    for _ in range(num):
        logits, _ = model(x, mask=mask)
        tokens.append(logits[:, -1].argmax(-1, keepdim=True))
        x = torch.cat([x, model.model.embed_tokens(tokens[-1])], dim=1)
        mask = torch.cat([mask, torch.ones(len(x), 1, dtype=torch.bool)], dim=1)
    return torch.cat(tokens, dim=1)


def test_a_ragged_batch_with_caches_says_the_released_tokens(
    golden_lm: Path, golden: dict[str, Tensor], model: SpeechLM
) -> None:
    prompts = [embed(model, golden[f"{c}/input_ids"][0], hear(model, golden_lm, HEARD[c])) for c in list(HEARD)[2:]]
    count = torch.tensor([p.shape[1] for p in prompts])
    x = torch.zeros(2, int(count.max()), prompts[0].shape[-1])
    for line, p in zip(x, prompts, strict=True):
        line[: p.shape[1]] = p[0]
    logits, state = model(x, model.init_state(2, 128), count=count)
    tokens = [logits[torch.arange(2), count - 1].argmax(-1, keepdim=True)]
    for _ in range(23):
        logits, state = model(tokens[-1], state)
        tokens.append(logits[:, -1].argmax(-1, keepdim=True))
    expected = torch.cat([golden["single_C1/greedy"], golden["single_C2/greedy"]])
    assert torch.cat(tokens, dim=1).tolist() == expected.tolist()


def test_without_sound_the_answer_is_another(golden_lm: Path, golden: dict[str, Tensor], model: SpeechLM) -> None:
    x = model.embed([golden["one_audio/input_ids"][0]])[None]
    tokens = greedy(model, x, 24)
    assert tokens == golden["one_audio/greedy_no_audio"][0].tolist() != golden["one_audio/greedy"][0].tolist()


def test_cached_generation_equals_recomputation(model: SpeechLM) -> None:
    x = model.embed([torch.arange(7)])[None]
    assert greedy(model, x, 16) == padded_greedy(model, x, torch.ones(1, 7, dtype=torch.bool), 16)[0].tolist()


def test_sound_is_encoded_once_however_many_tokens_follow(golden_lm: Path, model: SpeechLM) -> None:
    calls: list[int] = []
    hook = model.encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        mel = arrays(golden_lm / "mel.npz")["mel_chirp"][None]
        greedy(model, model.embed([torch.tensor([1, START]), model.hear(mel), torch.tensor([2])])[None], 12)
    finally:
        hook.remove()
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("ids", "rows", "message"),
    [
        ([1, START, PATCH, PATCH, 2], [3], "3 rows has 2 placeholders"),
        ([1, START, PATCH, PATCH, PATCH, 2], [2], "2 rows has 3 placeholders"),
        ([1, START, PATCH], [2], "2 rows has 1 placeholders"),
        ([1, START, PATCH], [], "announces 1 sounds and 0 were given"),
        ([1, 2], [2], "announces 0 sounds and 1 were given"),
    ],
)
def test_placeholders_and_rows_must_match(ids: list[int], rows: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        segments_of(torch.tensor(ids), [torch.zeros(n, 4) for n in rows], start=START, patch=PATCH)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([], "prompt is empty"),
        ([torch.tensor([576])], "outside the vocabulary"),
        ([torch.tensor([-1])], "outside the vocabulary"),
        ([torch.zeros(3, 5)], "rows of sound have shape"),
    ],
)
def test_what_cannot_be_embedded_is_refused(model: SpeechLM, segments: list[Tensor], message: str) -> None:
    with pytest.raises(InputError, match=message):
        model.embed(segments)


def test_tied_embeddings_score_with_the_input_table(model: SpeechLM) -> None:
    from dataclasses import replace

    config = replace(model.config, decoder=replace(model.config.decoder, tie_embeddings=True))
    tied = SpeechLM(config)
    assert "lm_head.weight" not in tied.state_dict()
    assert torch.equal(tied.head, tied.model.embed_tokens.weight)
