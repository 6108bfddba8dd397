"""Whether somebody has said yes: what is written into the world is asked about first, and only words of the user count.

Anything that is not plainly a yes is none.
"""

import re

YES = (
    "yes", "yeah", "yep", "yes please", "sure", "of course", "ok", "okay", "do it", "do that", "please do", "go ahead",
    "confirm", "confirmed", "i confirm", "correct", "right", "absolutely", "certainly", "that is right",
    "是", "是的", "好", "好的", "好啊", "可以", "对", "对的", "行", "确认", "没错", "同意", "当然",
)  # fmt: skip
FILLING = frozenset("please thanks thank you do it that now go ahead nano well oh and 请 谢谢 吧".split())
NO = re.compile(r"\b(?:no|not|never|don'?t|do not|stop|wait|cancel|but|later|nope|nah)\b|不|别|没有|等|取消|停", re.I)


def agrees(said: str | None) -> bool:
    """Whether these words say yes, and nothing else."""
    text = re.sub(r"[^\w\s']|_", " ", (said or "").lower().replace("’", "'"))
    words = " ".join(text.split())
    if not words or (NO.search(words) and words not in YES):
        return False
    begun = next((yes for yes in sorted(YES, key=len, reverse=True) if words == yes or words.startswith(yes + " ")), "")
    rest = words[len(begun) :].split()
    return bool(begun) and all(word in FILLING or word in YES for word in rest)
