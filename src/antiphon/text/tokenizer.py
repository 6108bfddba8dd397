"""Tokenizer: words to ids and back, byte-level BPE in the released (Qwen2) file forms.

**Words never become control tokens.** The back end that cuts words knows no special tokens at all, so `<audio_start>`
typed by a user stays nine letters of text; a control token enters a prompt by its name (`id_of`) and in no other way.
The other way round every id has its bytes (`token_bytes`), and text comes back through a decoder whose state is a
value: the bytes of a character that is not complete yet.

Deviation from the reference, on purpose: the released client lets text be searched for special strings.
"""

import codecs
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from antiphon.errors import InputError, WeightsError
from antiphon.text.layout import OFFICIAL, TokenLayout

__all__ = ["MARKUP", "AddedToken", "TextDecoder", "Tokenizer", "byte_tokenizer", "decode_bytes", "train_bpe"]

# How text is cut before BPE: contractions, words, single digits, punctuation, line ends, spaces (the Qwen2 pattern).
WORD_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Names of the control tokens, in the released order.
TURN_NAMES = {"pad": "<|endoftext|>", "eot": "<|EOT|>", "bot": "<|BOT|>"}
MARK_NAMES = {
    "audio_start": "<audio_start>",
    "audio_end": "<audio_end>",
    "audio_patch": "<audio_patch>",
    "tts_start": "<tts_start>",
    "tts_end": "<tts_end>",
    "tts_pad": "<tts_pad>",
}
MARKUP = ("<tool_call>", "</tool_call>", "<think>", "</think>")  # added tokens, if tokens at all, that read as text
STOP_NAMES = ("<|EOT|>", "<|endoftext|>", "<|im_end|>")
OFFICIAL_BASE = 151643  # BPE tokens of the released vocabulary, by which it is recognised
AUDIO_NAME = re.compile(r"<audio_(\d+)>")


@dataclass(frozen=True)
class AddedToken:
    """A token outside the BPE vocabulary. `special` is the released flag and is kept for saving only."""

    name: str
    id: int
    special: bool = True


def _byte_alphabet() -> dict[str, int]:
    """The printable stand-in of every byte, as byte-level BPE writes it."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(rest)}


BYTE_OF = _byte_alphabet()


def decode_bytes(pending: bytes, new: bytes, final: bool = False) -> tuple[str, bytes]:
    """Decode UTF-8 as far as it is complete: (text, bytes still pending). Malformed bytes become U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.setstate((pending, 0))
    text = decoder.decode(new, final)
    return text, b"" if final else decoder.getstate()[0]


class Tokenizer:
    """One vocabulary: BPE for words, added tokens by name. Stateless; safe to share between threads."""

    def __init__(self, spec: Mapping[str, Any], added: Iterable[AddedToken]) -> None:
        """`spec` is a released `tokenizer.json` as a dictionary; of it only the cutting of words is used."""
        self._spec = {**spec, "added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
        self._words = tokenizers.Tokenizer.from_str(json.dumps(self._spec))
        self.base: dict[str, int] = dict(spec["model"]["vocab"])
        missing = [symbol for symbol in BYTE_OF if symbol not in self.base]
        if missing:
            raise WeightsError(f"The BPE vocabulary lacks {len(missing)} of 256 byte symbols; use byte-level BPE.")
        self.added_tokens = tuple(sorted(added, key=lambda token: token.id))
        self.added: dict[str, int] = {token.name: token.id for token in self.added_tokens}
        ids = set(self.base.values())
        clash = [t for t in self.added_tokens if t.id in ids or t.name in self.base]
        if clash or len({t.id for t in self.added_tokens}) != len(self.added):
            raise WeightsError(f"Added tokens share ids or names with others ({clash[:1]}); the files do not match.")

    def extended(self, merges: Sequence[tuple[str, str]]) -> "Tokenizer":
        """The same with further BPE tokens behind the others; control and speech tokens move up by as many."""
        base = dict(self.base)
        for pair in merges:
            base.setdefault("".join(pair), len(base))
        model = self._spec["model"]
        spec = {**self._spec, "model": {**model, "vocab": base, "merges": [*model["merges"], *map(list, merges)]}}
        more = len(base) - len(self.base)
        return Tokenizer(spec, [replace(token, id=token.id + more) for token in self.added_tokens])

    # --- words -> ids --------------------------------------------------------------------------------------------

    def encode(self, text: str) -> list[int]:
        """Ids of plain words. Whatever is typed, no control token comes out."""
        try:
            return list(self._words.encode(text, add_special_tokens=False).ids)
        except (TypeError, UnicodeEncodeError) as error:
            raise InputError(f"Text is not valid Unicode ({error}); clean it first.") from error

    def encode_pieces(self, pieces: Iterable[str]) -> list[int]:
        """Each piece by itself, then joined: no token reaches across a border of pieces."""
        return [token for piece in pieces for token in self.encode(piece)]

    def words(self, text: str) -> list[str]:
        """The stretches of a text that BPE sees one by one: no token reaches across their borders."""
        cut = self._words.pre_tokenizer
        if cut is None:
            return [text]
        return [text[start:end] for _, (start, end) in cut.pre_tokenize_str(text)]

    def id_of(self, name: str) -> int:
        """The id of a control token by its name."""
        if name not in self.added:
            raise InputError(f"The tokenizer has no control token {name!r}; expected one of its added tokens.")
        return self.added[name]

    # --- ids -> words --------------------------------------------------------------------------------------------

    @cached_property
    def _bytes(self) -> dict[int, bytes]:
        words = {i: bytes(BYTE_OF[symbol] for symbol in token) for token, i in self.base.items()}
        return words | {i: name.encode() for name, i in self.added.items()}

    @cached_property
    def _silent(self) -> frozenset[int]:
        """Added tokens that steer and say nothing; markup (tool calls, thinking) is read as text."""
        return frozenset(i for name, i in self.added.items() if name not in MARKUP)

    def token_bytes(self, token: int, controls: bool = False) -> bytes:
        """The bytes of one token; of a control token its name if `controls`, else nothing."""
        if token not in self._bytes:
            raise InputError(f"Token id {token} is not in the vocabulary; expected an id that the tokenizer names.")
        return b"" if token in self._silent and not controls else self._bytes[token]

    def decode(self, ids: Iterable[int], controls: bool = False) -> str:
        """The text of `ids`, control tokens by name if `controls`, else left out."""
        return b"".join(self.token_bytes(i, controls) for i in ids).decode("utf-8", "replace")

    # --- the layout ----------------------------------------------------------------------------------------------

    @cached_property
    def num_ids(self) -> int:
        """One more than the highest id."""
        return 1 + max(max(self.base.values()), max(self.added.values(), default=0))

    def layout(self, vocab_size: int | None = None) -> TokenLayout:
        """The layout, derived from names; `vocab_size` is the number of embedding rows where that is larger.

        A vocabulary with the released number of BPE tokens is checked against the released ids.
        """
        named = TURN_NAMES | MARK_NAMES
        missing = [name for name in named.values() if name not in self.added]
        if missing:
            raise WeightsError(f"The tokenizer lacks the control tokens {missing}; use the released files.")
        codes = {int(m[1]): i for name, i in self.added.items() if (m := AUDIO_NAME.fullmatch(name))}
        first = codes.get(0, -1)
        if len(codes) < 2 or any(codes.get(n) != first + n for n in range(len(codes))):
            raise WeightsError("The ids of <audio_0>, <audio_1>, ... are not consecutive; check the added tokens.")
        layout = TokenLayout(
            **{key: self.added[name] for key, name in named.items()},
            first_audio=first,
            num_codes=len(codes) - 1,
            vocab_size=max(vocab_size or 0, self.num_ids),
            stop_ids=tuple(self.added[name] for name in STOP_NAMES if name in self.added),
        )
        if len(self.base) == OFFICIAL_BASE:
            _check_official(layout)
        return layout

    # --- files ---------------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, folder: str | Path) -> "Tokenizer":
        """Read `tokenizer.json`, or `vocab.json` + `merges.txt`, with the added tokens of whichever files are there."""
        folder = Path(folder)
        added: dict[str, AddedToken] = {}
        if (folder / "tokenizer.json").is_file():
            spec = _read_json(folder / "tokenizer.json")
            listed = [AddedToken(t["content"], t["id"], t.get("special", True)) for t in spec.get("added_tokens", [])]
            _merge(added, listed, "tokenizer.json")
        elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            spec = _word_spec(_read_json(folder / "vocab.json"), _read_merges(folder / "merges.txt"))
        else:
            raise WeightsError(f"No tokenizer in {folder}; expected tokenizer.json, or vocab.json with merges.txt.")
        config = folder / "tokenizer_config.json"
        listed_by_id = _read_json(config).get("added_tokens_decoder", {}) if config.is_file() else {}
        decoder = [AddedToken(t["content"], int(i), t.get("special", True)) for i, t in listed_by_id.items()]
        _merge(added, decoder, config.name)
        if (folder / "added_tokens.json").is_file():
            listed = [AddedToken(name, i) for name, i in _read_json(folder / "added_tokens.json").items()]
            _merge(added, listed, "added_tokens.json")
        vocab = dict(spec["model"]["vocab"])
        _merge(added, [AddedToken(name, vocab[name]) for name in added if name in vocab], "the BPE vocabulary")
        vocab = {name: i for name, i in vocab.items() if name not in added}  # listed twice: it is a control token
        return cls({**spec, "model": {**spec["model"], "vocab": vocab}}, added.values())

    def save(self, folder: str | Path) -> None:
        """Write the released file forms: tokenizer.json, vocab.json, merges.txt, added_tokens.json, the config."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
        listed = [{"id": t.id, "content": t.name, **flags, "special": t.special} for t in self.added_tokens]
        spec = {**self._spec, "added_tokens": listed}
        merges = [" ".join(m) if not isinstance(m, str) else m for m in spec["model"]["merges"]]
        config = {
            "added_tokens_decoder": {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in listed},
            "eos_token": TURN_NAMES["eot"],
            "pad_token": TURN_NAMES["pad"],
            "tokenizer_class": "Qwen2Tokenizer",
        }
        _write_json(folder / "tokenizer.json", spec)
        _write_json(folder / "vocab.json", self.base)
        _write_json(folder / "added_tokens.json", self.added)
        _write_json(folder / "tokenizer_config.json", config)
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{m}\n" for m in merges), encoding="utf-8")


@dataclass(frozen=True)
class TextDecoder:
    """Decode a stream of ids, one at a time; the state that is carried is the bytes of an unfinished character.

    A Chinese character may span two text tokens with four speech tokens between them, so the bytes wait here.
    """

    tokenizer: Tokenizer
    controls: bool = False

    def step(self, pending: bytes, token: int) -> tuple[str, bytes]:
        """(text that is complete now, bytes still pending)."""
        return decode_bytes(pending, self.tokenizer.token_bytes(token, self.controls))

    def flush(self, pending: bytes) -> str:
        """What an unfinished character becomes at the end: U+FFFD, or nothing if nothing is pending."""
        return decode_bytes(pending, b"", final=True)[0]


def train_bpe(texts: Iterable[str], num_words: int, num_codes: int = 729) -> Tokenizer:
    """Train a small tokenizer of `num_words` >= 256 byte-level BPE tokens, control and speech tokens after them.

    Ids: [BPE ..., <|endoftext|>, tool tags, <|EOT|>, <|BOT|>, audio and speech marks, <audio_0> ... <audio_n>], the
    released order; `<audio_num_codes>` is the pad. Fewer tokens come out where the texts hold fewer merges.
    """
    if num_words < len(BYTE_OF):
        raise InputError(f"A vocabulary of {num_words} byte-level tokens was asked for; expected at least 256.")
    trainer = trainers.BpeTrainer(
        vocab_size=num_words, special_tokens=[], initial_alphabet=sorted(BYTE_OF), show_progress=False, min_frequency=2
    )
    words = _word_back_end(models.BPE())
    words.train_from_iterator(texts, trainer)
    spec = json.loads(words.to_str())
    names = [TURN_NAMES["pad"], *MARKUP[:2], TURN_NAMES["eot"], TURN_NAMES["bot"], *MARK_NAMES.values()]
    names += [f"<audio_{n}>" for n in range(num_codes + 1)]
    start = len(spec["model"]["vocab"])
    return Tokenizer(spec, [AddedToken(name, start + n, name not in MARKUP) for n, name in enumerate(names)])


def byte_tokenizer(layout: TokenLayout = OFFICIAL) -> Tokenizer:
    """A tokenizer without merges (one token a byte) whose control and speech tokens have the ids of `layout`.

    For tests and for checks of golden cases, where the released vocabulary is not at hand. `<tool_call>` and its
    closing tag take the released places, eight and seven below `<|EOT|>`.
    """
    if layout.eot - 8 < len(BYTE_OF):
        raise InputError(f"A layout whose first control id is {layout.eot - 8} leaves no room for 256 byte tokens.")
    named = {name: getattr(layout, key) for key, name in (TURN_NAMES | MARK_NAMES).items()}
    named |= {MARKUP[0]: layout.eot - 8, MARKUP[1]: layout.eot - 7}
    named |= {f"<audio_{n}>": layout.first_audio + n for n in range(layout.num_codes + 1)}
    vocab = {symbol: n for n, symbol in enumerate(sorted(BYTE_OF))}
    return Tokenizer(_word_spec(vocab, []), [AddedToken(name, i, name not in MARKUP) for name, i in named.items()])


# --- the parts of the file forms -----------------------------------------------------------------------------------


def _word_back_end(model: models.Model) -> tokenizers.Tokenizer:
    words = tokenizers.Tokenizer(model)
    words.normalizer = normalizers.NFC()
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORD_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    words.decoder = decoders.ByteLevel()
    return words


def _word_spec(vocab: dict[str, int], merges: Sequence[tuple[str, str]]) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(_word_back_end(models.BPE()).to_str())
    spec["model"] |= {"vocab": vocab, "merges": [list(m) for m in merges]}
    return spec


def _check_official(layout: TokenLayout) -> None:
    known = [key for key in (*TURN_NAMES, *MARK_NAMES, "first_audio", "num_codes") if key != "bot"]
    wrong = {key: getattr(layout, key) for key in known if getattr(layout, key) != getattr(OFFICIAL, key)}
    if wrong:
        expected = {key: getattr(OFFICIAL, key) for key in wrong}
        raise WeightsError(f"The released vocabulary was found with the ids {wrong}; expected {expected}.")


def _merge(into: dict[str, AddedToken], tokens: Iterable[AddedToken], source: str) -> None:
    for token in tokens:
        if into.setdefault(token.name, token).id != token.id:
            raise WeightsError(f"{source} gives {token.name!r} the id {token.id}, another file {into[token.name].id}.")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as JSON ({error}); fetch the file again.") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}; expected a JSON object.")
    return content


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def _read_merges(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    pairs = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    if any(len(pair) != 2 for pair in pairs):
        raise WeightsError(f"{path} has a line that is not two symbols with a space between; fetch the file again.")
    return [(pair[0], pair[1]) for pair in pairs]
