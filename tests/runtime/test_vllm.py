"""vLLM behind the same interface: the same segments give the same tokens, with the history cut between."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from antiphon.config import DecoderConfig
from antiphon.errors import ConfigError
from antiphon.runtime.model import Model
from antiphon.runtime.vllm import VllmEngine, write_decoder
from tests.server.running import Running
from tests.server.socket_client import opened

ROOT = Path(__file__).parents[2]
CLOSE = 1e-3  # scores that are closer may be told apart otherwise by an engine that rounds otherwise


def test_without_vllm_it_says_so(model: Model) -> None:
    with pytest.raises(ConfigError, match="install vllm"):
        VllmEngine(model)


def test_the_decoder_is_written_whole(model: Model, tmp_path: Path) -> None:
    lm = model.parts.lm
    write_decoder(lm, tmp_path)
    config: dict[str, Any] = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["Qwen2ForCausalLM"] and config["torch_dtype"] == "float32"
    assert config["hidden_size"] == lm.config.decoder.width and isinstance(lm.config.decoder, DecoderConfig)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        names = set(file.keys())
        assert (file.get_tensor("model.norm.weight") == lm.model.norm.weight).all()
    assert names == {name for name in lm.state_dict() if not name.startswith(("encoder.", "adapter."))}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What both engines said, in the environment that has vLLM."""
    python, file = ROOT / ".clients" / "vllm" / "bin" / "python", tmp_path_factory.mktemp("vllm") / "told.json"
    assert python.exists(), f"{python} is not there; run: make test-vllm"
    script = ROOT / "tests" / "runtime" / "drive_vllm.py"
    done = subprocess.run([python, script, file], capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def check_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """One reply, told twice."""
    assert len(ours["ids"]) > 10 and min(ours["margins"]) > CLOSE, "the scores are too close to compare engines by"
    for name in ("ids", "positions", "end", "count", "prompt"):
        assert ours[name] == theirs[name], name
    assert max(abs(a - b) for a, b in zip(ours["logprobs"], theirs["logprobs"], strict=True)) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--engine", "vllm"), "vLLM cannot be imported"),
        (("--engine", "fast"), "choose local or vllm"),
        (("--engine-option", "seed=1"), "give --engine vllm, too"),
        (("--engine", "vllm", "--engine-option", "seed"), "give it as NAME=VALUE"),
    ],
)
def test_serve_refuses_what_it_cannot_have_in_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    command = [sys.executable, "-m", "antiphon.cli.main", "serve", "--port", "0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and said in line


@pytest.mark.clients
def test_sessions_are_served_by_vllm(tmp_path: Path) -> None:
    """The same question, written and spoken about, to a server with either engine: the same ids."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "HF_HUB_OFFLINE": "1", "VLLM_CONFIGURE_LOGGING": "0"}
    said = list[str]()
    for engine in ("local", "vllm"):
        trace = tmp_path / f"{engine}.jsonl"
        python = ROOT / ".clients" / "vllm" / "bin" / "python"
        command = [python, "-m", "antiphon.cli.main", "serve", "--port", "0", "--engine", engine, "--trace", trace]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None and process.stderr is not None
            log = list[bytes]()
            reader = threading.Thread(target=log.extend, args=(process.stderr,))
            reader.start()
            address = next((line for line in process.stdout if line.startswith(b"http://")), b"")
            assert address, b"".join(log)[-4000:]
            with opened(Running(int(address.rsplit(b":", 1)[1]))) as socket:
                socket.write("what is the capital of france?")
                done = socket.ask("response.create", "response.done")["response"]
            process.terminate()
            assert process.wait(60) == 0, b"".join(log)[-4000:]
            reader.join(5)
        assert done["status"] == "completed" and "paris" in done["output"][0]["content"][0]["transcript"]
        said.append(json.loads(trace.read_text().splitlines()[-1])["ids"])
    assert said[0] == said[1]


@pytest.mark.clients
def test_the_same_segments_give_the_same_tokens(told: dict[str, Any]) -> None:
    ours, theirs = told["local"]["talk"], told["vllm"]["talk"]
    assert told["vllm"]["is_engine"]
    for name in ("first", "second", "cut", "chance"):
        check_same(ours[name], theirs[name])
    assert ours["cut"]["prompt"] < ours["second"]["prompt"] and ours["chance"]["ids"] != ours["second"]["ids"]
    assert theirs["first"]["reused"] == 0 < theirs["second"]["reused"], "the beginning of a talk is cached"


@pytest.mark.clients
def test_conversations_at_once_do_not_hear_each_other(told: dict[str, Any]) -> None:
    for ours, theirs in zip(told["local"]["company"], told["vllm"]["company"], strict=True):
        check_same(ours, theirs)
        assert theirs["reused"] == 0, "the cache of one conversation is no other's"


@pytest.mark.clients
def test_replies_end_and_are_counted_alike(told: dict[str, Any]) -> None:
    ours, theirs = told["local"]["ends"], told["vllm"]["ends"]
    assert ours["aborted"]["end"] == theirs["aborted"]["end"] == "aborted"
    assert ours["early"] == theirs["early"] == {"reason": "aborted", "reply_tokens": 0}
    assert 3 <= len(theirs["aborted"]["ids"]) < 40 and "was not given" in theirs["refused"]
    check_same(ours["after"], theirs["after"])
    for name in ("requests_running", "requests_waiting", "requests_total", "aborted_total", "prompt_tokens_total"):
        assert ours["stats"][name] == theirs["stats"][name], name
