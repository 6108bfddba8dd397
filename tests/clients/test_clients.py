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
from typing import Any

import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.data.synth import Voice, speak
from antiphon.text.parse import Text, ToolCall
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
    "name": "what is your name?",
}

pytestmark = pytest.mark.clients


@dataclass(frozen=True)
class Theatre:
    """A server with nano, recordings to speak to it with, and everything that it generates."""

    server: Running
    sounds: Path
    trace: Path
    parts: Parts

    def drive(self, name: str) -> dict[str, Any]:
        """The report of a client."""
        python = ROOT / ".clients" / name / "bin" / "python"
        assert python.exists(), f"{python} is not there; run: make test-clients"
        script = ROOT / "tests" / "clients" / f"drive_{name}.py"
        command = [python, script, f"http://127.0.0.1:{self.server.port}", KEY, self.sounds]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-4000:]
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def generated(self) -> list[tuple[str, list[tuple[str, Any]]]]:
        """Words and calls of every round, read from its ids."""
        rounds = [json.loads(line) for line in self.trace.read_text().splitlines()]
        read = []
        for ids in [one["ids"] for one in rounds if one["form"] == "speech" and not one["error"]]:
            parser = _parser(self.parts)
            events = parser.parse(ids, prompt=[self.parts.layout.tts_start])
            words = "".join(event.text for event in events if isinstance(event, Text))
            read.append((words, [(e.name, json.loads(e.arguments)) for e in events if isinstance(e, ToolCall)]))
        return read


def _parser(parts: Parts) -> Any:
    from antiphon.text.parse import Parser

    return Parser(parts.tokenizer, parts.layout, frozenset({"clock"}), None)


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


def check(theatre: Theatre, report: dict[str, Any]) -> None:
    """What every client must have been told."""
    assert report["answer"]["words"] == "the capital of france is paris."
    assert 1.0 < report["answer"]["seconds"] < 4.0
    assert (report["tool"]["name"], report["tool"]["arguments"]) == ("clock", {"what": "time"})
    assert "fourteen thirty five" in report["tool"]["words"]
    assert report["memory"][1] == "your name is david."
    said = theatre.generated()
    assert ("clock", {"what": "time"}) in [call for _, calls in said for call in calls]
    words = [text for text, _ in said]
    for told in (report["answer"]["words"], report["tool"]["words"], *report["memory"]):
        assert told in words, words


def check_cut(report: dict[str, Any]) -> None:
    """A reply that was spoken over: it ended, the next one came, and what was not heard is not remembered."""
    cut = report["cut"]
    assert cut["words"] == "my name is nano." and cut["next"] == "completed"
    assert (cut["status"], cut["reason"]) == ("cancelled", "turn_detected")


def test_openai(theatre: Theatre) -> None:
    report = theatre.drive("openai")
    check(theatre, report)
    check_cut(report)
    kept = report["cut"]["kept"]
    assert "the capital of france is paris.".startswith(kept) and len(kept) < 31
    assert report["errors"] == []
    assert report["chat"]["name"] == "clock" and report["chat"]["arguments"] == {"what": "time"}
    assert "fourteen thirty five" in report["chat"]["words"] and report["chat"]["seconds"] > 1
    assert report["files"]["text"] and report["files"]["models"] == ["nano"] and report["files"]["bytes"] > 20_000
    assert "has not learnt" in report["files"]["refused"] and report["files"]["stranger"] == "AuthenticationError"
