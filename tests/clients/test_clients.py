"""Clients that other people wrote, unmodified but for the address, talk with nano.

Each runs in an environment of its own (`make test-clients` makes them) and reports what it was told; what nano
generated meanwhile was written down by the server as ids. Nothing but the model answers: name, arguments and words of
a report are those that its ids say.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.data.synth import Voice, speak
from antiphon.text.parse import Parser, Text, ToolCall
from antiphon.weights.parts import Parts, load_parts

from ..server.running import Running, nano_server

ROOT = Path(__file__).parents[2]
KEY = "a-key-of-the-tests"
VOICE = Voice(engine="flite", name="slt")
SAID = {
    "capital": "what is the capital of france?",
    "time": "what time is it?",
    "tell": "my name is david.",
    "ask": "what is my name?",
    "japan": "what is the capital of japan?",
}
Said: TypeAlias = tuple[str, list[tuple[str, Any]]]  # the words and the calls of a round

pytestmark = pytest.mark.clients


@dataclass(frozen=True)
class Theatre:
    """A server with nano, recordings to speak to it with, and everything that it generates."""

    server: Running
    sounds: Path
    trace: Path
    parts: Parts

    def drive(self, name: str) -> tuple[dict[str, Any], list[Said]]:
        """The report of a client, and what nano said meanwhile."""
        python = ROOT / ".clients" / name / "bin" / "python"
        assert python.exists(), f"{python} is not there; run: make test-clients"
        script = ROOT / "tests" / "clients" / f"drive_{name}.py"
        command = [python, script, f"http://127.0.0.1:{self.server.port}", KEY, self.sounds]
        before = len(self._rounds())
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-4000:]
        report: dict[str, Any] = json.loads(done.stdout)
        return report, [self._said(ids) for ids in self._rounds()[before:]]

    def _rounds(self) -> list[list[int]]:
        """The ids of every spoken round that has come to its end."""
        if not self.trace.exists():
            return []
        rounds = [json.loads(line) for line in self.trace.read_text().splitlines()]
        return [one["ids"] for one in rounds if one["form"] == "speech" and not one["error"]]

    def _said(self, ids: list[int]) -> Said:
        parser = Parser(self.parts.tokenizer, self.parts.layout, frozenset({"clock"}), None)
        events = parser.parse(ids, prompt=[self.parts.layout.tts_start])
        words = "".join(event.text for event in events if isinstance(event, Text))
        return words, [(e.name, json.loads(e.arguments)) for e in events if isinstance(e, ToolCall)]


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    folder = tmp_path_factory.mktemp("clients")
    for name, words in SAID.items():
        samples, rate = speak(words, VOICE)
        sound = Audio(torch.from_numpy(samples)[None], rate).at(24_000)
        (folder / f"{name}.pcm").write_bytes(sound.to_pcm16())
    trace = folder / "trace.jsonl"
    with nano_server("--trace", str(trace), environment={"ANTIPHON_API_KEY": f"tests={KEY}"}) as (server, _):
        yield Theatre(server, folder, trace, load_parts("nano"))


def check(report: dict[str, Any], said: list[Said]) -> None:
    """What every client must have been told, and that it is what nano's ids say."""
    answer, tool, memory, cut = (report[act] for act in ("answer", "tool", "memory", "cut"))
    assert answer["words"] == "the capital of france is paris."
    assert 1.0 < answer["seconds"] < 4.0 and 0.05 < answer["peak"] <= 1.0
    assert (tool["name"], tool["arguments"]) == ("clock", {"what": "time"})
    assert "fourteen thirty five" in tool["words"]
    assert memory[1] == "your name is david."
    check_cut(cut, answer)
    assert report["errors"] == []
    assert ("clock", {"what": "time"}) in [call for _, calls in said for call in calls]
    words = [text for text, _ in said]
    for told in (answer["words"], tool["words"], *memory, cut["words"]):
        assert told in words, words


def check_cut(cut: dict[str, Any], answer: dict[str, Any]) -> None:
    """A reply that was spoken over: its item is cut at what was heard, and the next question is answered.

    How the response ended says when it was made, not whether it was heard: one that was sent whole before anybody spoke
    over it is completed, any other is cancelled.
    """
    assert cut["item"] == "incomplete" and cut["words"] == "the capital of japan is tokyo."
    assert answer["words"].startswith(cut["kept"]) and len(cut["kept"]) < len(answer["words"])
    if "ended_as" in cut:  # pipecat does not show it
        assert cut["ended_as"] in (["cancelled", "turn_detected"], ["completed", None])
        assert 0 < cut["heard_ms"] < 1000 * answer["seconds"]


def test_openai(theatre: Theatre) -> None:
    report, said = theatre.drive("openai")
    check(report, said)
    assert report["chat"]["name"] == "clock" and report["chat"]["arguments"] == {"what": "time"}
    assert "fourteen thirty five" in report["chat"]["words"] and report["chat"]["seconds"] > 1
    assert report["files"]["text"] and report["files"]["models"] == ["nano"] and report["files"]["bytes"] > 20_000
    assert "has not learnt" in report["files"]["refused"] and report["files"]["stranger"] == "AuthenticationError"


@pytest.mark.parametrize("name", ["agents", "pipecat", "livekit"])
def test_client(theatre: Theatre, name: str) -> None:
    check(*theatre.drive(name))
