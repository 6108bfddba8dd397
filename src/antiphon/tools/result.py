"""What a tool has answered: words for the model, data for the program, and a sentence to say when it failed.

    done    text "Paris: sunny, 21 degrees"     data {"place": ..., "attribution": ...}
    failed  text "error: ..."                   data {"ok": false, "code": "offline", "say": ..., "retryable": true}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from antiphon.tools.clean import clean

Code = Literal[
    "arguments", "budget", "busy", "cancelled", "confirm", "denied", "failed", "malformed", "not_found", "offline",
    "quota", "running", "timeout", "unknown",
]  # fmt: skip
LONGEST = 1200  # characters that the model is told
DETAIL = 300  # characters of what went wrong

SAY: Mapping[str, tuple[str, str]] = {  # code: what may be said of it, in English and in Chinese
    "arguments": ("I asked for that in the wrong way.", "我没有问对。"),
    "budget": ("I have looked up enough for now.", "我已经查了很多了。"),
    "busy": ("Too much is going on at once. Please ask again.", "现在太忙了，请再问一次。"),
    "cancelled": ("I stopped that.", "我停下来了。"),
    "confirm": ("Shall I really do that? Please say yes or no.", "真的要这样做吗？请说是或者不是。"),
    "denied": ("I am not allowed to do that.", "我不可以这样做。"),
    "failed": ("That did not work.", "没有成功。"),
    "malformed": ("I asked for that in the wrong way.", "我没有问对。"),
    "not_found": ("I could not find that.", "我没有找到。"),
    "offline": ("I cannot reach that just now.", "我现在连不上。"),
    "quota": ("I have asked there too often. Please try later.", "我问得太多了，请以后再试。"),
    "running": ("That is still being done. I will tell you when I know more.", "还在进行，我知道了就告诉你。"),
    "timeout": ("That takes too long just now.", "现在要等太久了。"),
    "unknown": ("I have no way to do that.", "我没有办法做到。"),
}


@dataclass(frozen=True)
class ToolResult:
    """What a tool answered, as the model is told it; `failed` when it is the sentence of an error.

    `data` is for the program: what is shown, where it is from, what is to change (`{"voice": id}`).
    """

    name: str
    text: str
    failed: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """Why it failed; empty where it did not."""
        return str(self.data.get("code", "failed")) if self.failed else ""

    @property
    def is_retryable(self) -> bool:
        """Whether the same may go well another time."""
        return self.failed and bool(self.data.get("retryable"))


def failure(name: str, code: Code, language: str = "en", detail: str = "", retryable: bool = False) -> ToolResult:
    """A call that came to nothing. `detail` is for the model: what was wrong, so that it can do better."""
    say = SAY[code][language == "zh"]
    detail = clean(detail, DETAIL)
    data = {"ok": False, "code": code, "say": say, "retryable": retryable}
    return ToolResult(name, f"error: {detail} {say}" if detail else f"error: {say}", True, data)


def told(result: ToolResult) -> ToolResult:
    """The same, with words that hold nothing but words, and not too many of them."""
    return ToolResult(result.name, clean(result.text, LONGEST), result.failed, result.data)
