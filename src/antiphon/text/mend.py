"""A tool call that is nearly one: read once more with a little good will, or turned into a call that says its fault.

    {'city': "Paris",}      quotes, commas behind the last value, Python's True and None, ends that are missing
    function\\n\\nNAME ...    blank lines; a body in a code fence

What cannot be mended is a call all the same: its answer is an error, so that the model may write it again.
"""

import re

from antiphon.text.toolcall import KEYWORD, ToolCall, parse_call

LONGEST = 8192  # bytes of a call
WORDS = {"True": "true", "False": "false", "None": "null"}
ENDS = {"{": "}", "[": "]"}
NAME = re.compile(r"[\w.-]{1,64}")


def mended(body: str) -> ToolCall:
    """The call that somebody meant with what stood between the tags; with a `fault` where that is not clear."""
    if len(body.encode()) > LONGEST:
        return ToolCall("unknown", "{}", fault=f"the call is longer than {LONGEST} bytes.")
    lines = [line for line in body.strip().split("\n") if line.strip() and not line.strip().startswith("```")]
    if lines and lines[0].strip() == KEYWORD:
        lines = lines[1:]
    name = lines[0].strip() if lines else ""
    if not NAME.fullmatch(name):
        return ToolCall("unknown", "{}", fault="the call does not name a tool in the line after 'function'.")
    text = "\n".join(lines[1:])
    call = parse_call(f"{KEYWORD}\n{name}\n{text}") or parse_call(f"{KEYWORD}\n{name}\n{_repaired(text)}")
    return call or ToolCall(name, "{}", fault=f"the arguments of {name} are no JSON object.")


def _repaired(text: str) -> str:
    """The same text with JSON's own quotes, words, commas and ends."""
    out, open_ends, quote, at = list[str](), list[str](), "", 0
    while at < len(text):
        c = text[at]
        if quote and c == "\\" and at + 1 < len(text):
            out.append(text[at : at + 2] if text[at + 1] != "'" else "'")
            at += 1
        elif quote:
            out.append('"' if c == quote else '\\"' if c == '"' else "\\n" if c == "\n" else c)
            quote = "" if c == quote else quote
        elif c in "\"'“”":
            quote = "”" if c in "“”" else c
            out.append('"')
        elif word := re.match(r"True|False|None", text[at:]):
            out.append(WORDS[word[0]])
            at += len(word[0]) - 1
        else:
            _structure(c, out, open_ends)
        at += 1
    whole = "".join(out) + ('"' if quote else "") + "".join(reversed(open_ends))
    return _without_last_commas(whole)


def _structure(c: str, out: list[str], open_ends: list[str]) -> None:
    if c in ENDS:
        open_ends.append(ENDS[c])
    elif open_ends and c == open_ends[-1]:
        open_ends.pop()
    out.append(c)


def _without_last_commas(text: str) -> str:
    """Without commas before an end, outside strings."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    outside = "\0".join(parts[::2])
    outside = re.sub(r",(\s*[}\]])", r"\1", outside)
    kept = outside.split("\0")
    return "".join(a + b for a, b in zip(kept, [*parts[1::2], ""], strict=True))
