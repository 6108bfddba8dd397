"""Words of others made harmless before a model reads them: no marks, no addresses, nothing that cannot be seen.

The tokenizer never reads a mark out of words (`text.chat`); this is the second wall. It also takes away what nobody
would want spoken. What remains is text, whatever it says: that it is not obeyed is the desk's part (`desk`).
"""

import re
import unicodedata

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
MARK = re.compile(r"<(?=[A-Za-z_/|!?\[])[^<>]{0,200}>")  # <tool_call>, </think>, <|BOT|>, <audio_12>, <b>
OPENED = re.compile(r"<(?=[A-Za-z_]|\s*[/|!?\[])|(?<=[A-Za-z_|/])>|(?<=[|/] )>")  # half a mark
ADDRESS = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,15}:/{2}|\bwww\.|\b(?:data|javascript|mailto):)\S*", re.I)
LINK = re.compile(r"!?\[([^\]\[]*)\]\([^()\s]*\)")
FENCE = re.compile(r"`{3,}\w*|~{3,}\w*")
UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
BLANKS = re.compile(r"[^\S\n]+")


def clean(text: str, longest: int | None = None) -> str:
    """Words alone: NFC, without marks, tags, addresses, and characters that are not seen; at most `longest` long."""
    text = unicodedata.normalize("NFC", text[: 50 * longest] if longest else text)
    text = "".join(c if unicodedata.category(c) not in UNSEEN else _blank(c) for c in text)
    text = FENCE.sub(" ", LINK.sub(r"\1", COMMENT.sub(" ", text)))
    before = None
    while before != text:  # taking a mark out may join the halves of another
        before, text = text, ADDRESS.sub("", MARK.sub(" ", text))
    text = OPENED.sub(" ", text)
    lines = (BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    text = "\n".join(line for line in lines if line)
    return text if longest is None else shortened(text, longest)


def shortened(text: str, longest: int) -> str:
    """At most so many characters, cut behind a word where there is one near."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    at = max(cut.rfind(" "), cut.rfind("\n"))
    return (cut[:at] if at > longest * 3 // 4 else cut).rstrip() + "…"


def _blank(character: str) -> str:
    return "\n" if character == "\n" else " " if character in "\t\r\v\f\x85" else ""
