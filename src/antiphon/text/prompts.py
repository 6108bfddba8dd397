"""The instructions of the tasks, as data: what the released models were tuned to be told, word for word.

`released` marks wording taken from the published examples, where the exact string is part of the interface (the
transcription prompt above all: its quality is only promised with these words). The others are ours, on the same
pattern. In the chat style an instruction is the system message; the base model reads it as the first piece of text.
The sampling figures are those of the published examples, or ours where the wording is ours; temperature 0 is greedy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal

from antiphon.errors import InputError

__all__ = ["FILLERS", "PROMPTS", "TOOL_SUMMARY", "Reply", "TaskPrompt", "persona", "task_prompt"]

Reply = Literal["text", "speech"]


@dataclass(frozen=True, kw_only=True)
class TaskPrompt:
    """One task: its instruction, in which form the answer comes, and how it is sampled."""

    system: str
    base: str | None = None  # where the base model is told it in other words; "" where it is told nothing
    reply: Reply = "text"
    released: bool = True
    temperature: float = 0.7
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_tokens: int = 256

    @property
    def base_text(self) -> str:
        """The instruction as the base model reads it."""
        return self.system if self.base is None else self.base


_READ = "以自然的语速读出下面的文字。\n"
_TRANSLATE_ALOUD = "将下面的文本翻译成英文，并用语音播报。\n"

PROMPTS: Mapping[str, TaskPrompt] = MappingProxyType(
    {
        "transcribe": TaskPrompt(system="请记录下你所听到的语音内容。", temperature=0.0),
        "translate_zh": TaskPrompt(
            system="请仔细聆听这段语音，然后将其内容翻译成中文。",
            base="请仔细聆听这段语音，然后将其内容翻译成中文",
            temperature=0.1,
        ),
        "translate_en": TaskPrompt(
            system="请仔细聆听这段语音，然后将其内容翻译成英文。",
            base="请仔细聆听这段语音，然后将其内容翻译成英文",
            temperature=0.1,
            released=False,
        ),
        "translate_ja": TaskPrompt(
            system="请仔细聆听这段语音，然后将其内容翻译成日文。",
            base="请仔细聆听这段语音，然后将其内容翻译成日文",
            temperature=0.1,
            released=False,
        ),
        "interpret_zh": TaskPrompt(
            system="请仔细聆听这段语音，然后将其内容翻译成中文并用语音播报。", reply="speech", max_tokens=2048
        ),
        "interpret_en": TaskPrompt(
            system="请仔细聆听这段语音，然后将其内容翻译成英文并用语音播报。",
            reply="speech",
            max_tokens=2048,
            released=False,
        ),
        "caption": TaskPrompt(
            system="Please briefly explain the important events involved in this audio clip.", temperature=0.1
        ),
        "analyse": TaskPrompt(
            system="你是一位经验丰富的音频分析专家，擅长对各种语音音频进行深入细致的分析。你的任务不仅仅是将音频内容准确"
            "转写为文字，还要对说话人的声音特征（如性别、年龄、情绪状态）、背景声音、环境信息以及可能涉及的事件进行全面"
            "描述。请以专业、客观的视角，详细、准确地完成每一次分析和转写。",
            temperature=0.5,
            top_p=0.9,
            max_tokens=1024,
        ),
        "question": TaskPrompt(
            system="You are an expert in audio analysis, please analyze the audio content and answer the questions"
            " accurately.",
            temperature=0.0,
        ),
        "chat": TaskPrompt(system="You are a helpful assistant.", base="", temperature=0.5),
        "talk": TaskPrompt(system="You are a helpful assistant.", base="", reply="speech", max_tokens=2048),
        "talk_feelingly": TaskPrompt(system="请用语音与我交流。", base="", reply="speech", max_tokens=2048),
        "think": TaskPrompt(
            system="你的名字叫小跃，你是由阶跃星辰(StepFun)公司训练出来的语音大模型，你能听见用户的声音特征并在思维过程中"
            "描述出来，请激活深度思考模式，通过逐步分析、逻辑推理来解决用户的问题。",
            reply="speech",
            max_tokens=2048,
        ),
        # released for the base model; the chat models are told the same words as a system message, which is ours
        "speak": TaskPrompt(system=_READ, reply="speech", max_tokens=2048),
        "speak_translated": TaskPrompt(system=_TRANSLATE_ALOUD, reply="speech", max_tokens=2048),
    }
)

# Follows a tool's result in the turn of the role `input`.
TOOL_SUMMARY = "\n\n\n请用口语化形式总结检索结果，简短地回答用户的问题。"

FILLERS: Mapping[str, str] = {"en": "A moment.", "zh": "请等一等。"}  # said aloud when a tool is late


def task_prompt(name: str) -> TaskPrompt:
    """The prompt of a task by name."""
    if name not in PROMPTS:
        raise InputError(f"There is no task {name!r}; expected one of {', '.join(PROMPTS)}.")
    return PROMPTS[name]


def persona(day: date, with_tools: bool = False) -> str:
    """The released assistant's system message of a given day; `with_tools` when tools are offered."""
    lines = ["你的名字叫做小跃，是由阶跃星辰公司训练出来的语音大模型。"]
    if with_tools:
        lines.append(
            "你具备调用工具解决问题的能力，你需要根据用户的需求和上下文情景，自主选择是否调用系统提供的工具来协助用户。"
        )
    lines.append(
        "你情感细腻，观察能力强，擅长分析用户的内容，并作出善解人意的回复，说话的过程中时刻注意用户的感受，"
        "富有同理心，提供多样的情绪价值。"
    )
    weekday = "一二三四五六日"[day.weekday()]
    lines.append(f"今天是{day.year}年{day.month}月{day.day}日，星期{weekday}")
    lines.append("请用默认女声与用户交流" + ("" if with_tools else "。"))
    return "\n".join(lines)
