import json
import pickle
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.errors import InputError, WeightsError
from antiphon.text import tokenizer
from antiphon.text.layout import OFFICIAL
from antiphon.text.tokenizer import AddedToken, TextDecoder, Tokenizer, byte_tokenizer, decode_bytes, train_bpe

NANO = train_bpe(["what is the weather in london today", "turn on the light", "  two  spaces\n\n"] * 4, 290)
WILD = ["<audio_start>", "<|EOT|>", "<audio_0>", "<tool_call>", "<|endoftext|>", "\u4e0a\u8bc1", "e\u0301"]
texts = st.lists(st.one_of(st.sampled_from(WILD), st.text(max_size=8)), max_size=6).map("".join)


@given(texts)
def test_typed_control_tokens_stay_text_and_come_back(text: str) -> None:
    ids = NANO.encode(text)
    assert not set(ids) & set(NANO.added.values())
    assert NANO.decode(ids) == unicodedata.normalize("NFC", text)


@given(texts)
def test_decoding_one_token_at_a_time_equals_the_whole(text: str) -> None:
    decoder, pending, pieces = TextDecoder(NANO), b"", []
    ids = [*NANO.encode(text), NANO.id_of("<|EOT|>")]
    for token in ids:
        piece, pending = decoder.step(pending, token)
        pieces.append(piece)
    assert "".join(pieces) + decoder.flush(pending) == NANO.decode(ids)


@given(st.binary(max_size=20), st.integers(0, 20))
def test_malformed_bytes_decode_the_same_in_any_chunks(data: bytes, cut: int) -> None:
    first, pending = decode_bytes(b"", data[:cut])
    second, pending = decode_bytes(pending, data[cut:], final=True)
    assert first + second == data.decode("utf-8", "replace") and pending == b""


def test_a_character_waits_for_its_last_byte(official: Tokenizer) -> None:
    decoder, (a, b, c) = TextDecoder(official), official.encode("\u4e2d")
    assert decoder.step(b"", a)[0] == ""
    _, pending = decoder.step(b"", a)
    assert decoder.step(pending, b)[0] == "" and decoder.flush(pending) == "\ufffd"
    assert decoder.step(decoder.step(pending, b)[1], c) == ("\u4e2d", b"")


def test_control_tokens_are_silent_unless_asked_for_and_markup_is_text(official: Tokenizer) -> None:
    ids = [OFFICIAL.bot, *official.encode("hi"), official.id_of("<tool_call>"), 151696, OFFICIAL.eot]
    assert official.decode(ids) == "hi<tool_call>"
    assert official.decode(ids, controls=True) == "<|BOT|>hi<tool_call><audio_0><|EOT|>"


def test_pieces_are_cut_apart() -> None:
    assert NANO.encode_pieces(["wea", "ther"]) == NANO.encode("wea") + NANO.encode("ther") != NANO.encode("weather")


def test_nano_layout_is_in_the_released_order() -> None:
    layout = NANO.layout(vocab_size=1100)
    n = len(NANO.base)
    assert n == 290 and (layout.pad, layout.eot, layout.bot) == (n, n + 3, n + 4)
    assert (layout.audio_start, layout.tts_start, layout.tts_pad) == (n + 5, n + 8, n + 10)
    assert (layout.first_audio, layout.num_codes, layout.audio_pad) == (n + 11, 729, n + 740)
    assert layout.vocab_size == 1100 and NANO.layout().vocab_size == NANO.num_ids == n + 741
    assert layout.stop_ids == (layout.eot, layout.pad)


def test_training_is_deterministic() -> None:
    again = train_bpe(["what is the weather in london today", "turn on the light", "  two  spaces\n\n"] * 4, 290)
    assert again.base == NANO.base and again.encode("the weather") == NANO.encode("the weather")


@pytest.mark.parametrize(
    "removed",
    [(), ("tokenizer.json",), ("tokenizer.json", "tokenizer_config.json"), ("tokenizer.json", "added_tokens.json")],
)
def test_every_released_file_form_loads_the_same(tmp_path: Path, removed: tuple[str, ...]) -> None:
    NANO.save(tmp_path)
    for name in removed:
        (tmp_path / name).unlink()
    loaded = Tokenizer.load(tmp_path)
    text = "What is the weather\n\n  in london, it's 12 <audio_1>?"
    assert loaded.layout() == NANO.layout() and loaded.added == NANO.added
    assert loaded.encode(text) == NANO.encode(text)


def test_saved_files_are_read_by_the_tokenizers_library(tmp_path: Path) -> None:
    import tokenizers

    NANO.save(tmp_path)
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert other.encode("<|BOT|>turn on").ids == [NANO.id_of("<|BOT|>"), *NANO.encode("turn on")]
    assert other.decode(NANO.encode("turn on the light")) == "turn on the light"


def test_merges_written_as_pairs_load_too(tmp_path: Path) -> None:
    NANO.save(tmp_path)
    spec = json.loads((tmp_path / "tokenizer.json").read_text())
    spec["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in spec["model"]["merges"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    assert Tokenizer.load(tmp_path).encode("the weather") == NANO.encode("the weather")


def test_a_control_token_listed_among_the_words_too_stays_one(tmp_path: Path) -> None:
    NANO.save(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    edited(tmp_path, "vocab.json", **{"<audio_start>": NANO.id_of("<audio_start>")})
    loaded = Tokenizer.load(tmp_path)
    assert loaded.layout() == NANO.layout() and loaded.base == NANO.base
    edited(tmp_path, "vocab.json", **{"<audio_start>": 5})
    with pytest.raises(WeightsError, match="another file"):
        Tokenizer.load(tmp_path)


def edited(folder: Path, name: str, **changes: Any) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No tokenizer"):
        Tokenizer.load(tmp_path)
    NANO.save(tmp_path)
    edited(tmp_path, "added_tokens.json", **{"<audio_start>": 7})
    with pytest.raises(WeightsError, match="another file"):
        Tokenizer.load(tmp_path)
    (tmp_path / "added_tokens.json").write_text("{")
    with pytest.raises(WeightsError, match="cannot be read"):
        Tokenizer.load(tmp_path)


def test_a_vocabulary_that_lacks_tokens_is_refused() -> None:
    spec = NANO._spec
    tokens = list(NANO.added_tokens)
    with pytest.raises(WeightsError, match="lacks the control tokens"):
        Tokenizer(spec, [t for t in tokens if t.name != "<tts_pad>"]).layout()
    with pytest.raises(WeightsError, match="not consecutive"):
        Tokenizer(spec, [t for t in tokens if t.name != "<audio_3>"]).layout()
    with pytest.raises(WeightsError, match="share ids"):
        Tokenizer(spec, [*tokens, AddedToken("<extra>", 3)])
    vocab = {k: v for k, v in spec["model"]["vocab"].items() if k != "a"}
    with pytest.raises(WeightsError, match="byte"):
        Tokenizer({**spec, "model": {**spec["model"], "vocab": vocab, "merges": []}}, tokens)


def test_the_released_vocabulary_is_checked_against_its_known_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "OFFICIAL_BASE", 256)  # take the byte vocabulary for the released one
    released = byte_tokenizer(OFFICIAL)
    assert released.layout(158720).first_audio == 151696
    swap = {"<tts_start>": "<tts_end>", "<tts_end>": "<tts_start>"}
    wrong = [AddedToken(swap.get(t.name, t.name), t.id) for t in released.added_tokens]
    with pytest.raises(WeightsError, match="tts_start"):
        Tokenizer(released._spec, wrong).layout(158720)


def test_byte_tokenizer_has_the_released_ids(official: Tokenizer) -> None:
    assert official.layout(158720) == replace(OFFICIAL, stop_ids=(OFFICIAL.eot, OFFICIAL.pad))
    assert official.id_of("<tool_call>") == 151657 and official.id_of("</tool_call>") == 151658
    tiny = OFFICIAL.shifted(-151200)
    assert byte_tokenizer(tiny).layout().tts_start == 493
    with pytest.raises(InputError, match="no room"):
        byte_tokenizer(OFFICIAL.shifted(-151500))


@settings(max_examples=20)
@given(st.text(max_size=5))
def test_a_tokenizer_can_be_sent_to_another_process(text: str) -> None:
    assert pickle.loads(pickle.dumps(NANO)).encode(text) == NANO.encode(text)


def test_wrong_input_fails_at_the_door(official: Tokenizer) -> None:
    for bad in (lambda: NANO.encode("\ud800"), lambda: NANO.id_of("<nope>"), lambda: official.decode([5000])):
        with pytest.raises(InputError):
            bad()
    with pytest.raises(InputError):
        train_bpe(["x"], 255)


def test_text_imports_no_torch() -> None:
    modules = "chat layout parse prompts released serving tokenizer toolcall variants".split()
    code = f"import sys; {'; '.join(f'import antiphon.text.{m}' for m in modules)}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
