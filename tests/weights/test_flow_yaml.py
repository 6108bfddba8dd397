"""flow.yaml both ways, and nothing in it is ever run."""

from pathlib import Path

import pytest

from antiphon.config import FlowConfig
from antiphon.errors import ConfigError
from antiphon.weights.flow_yaml import read_flow_yaml, write_flow_yaml

REAL = write_flow_yaml(FlowConfig())


def read(tmp_path: Path, text: str) -> FlowConfig:
    file = tmp_path / "flow.yaml"
    file.write_text(text)
    return read_flow_yaml(file)


def test_sizes_come_back(tmp_path: Path, golden_voice: Path) -> None:
    assert read(tmp_path, REAL) == FlowConfig()
    tiny = read_flow_yaml(golden_voice / "tiny_flow.yaml")
    assert (tiny.dit.width, tiny.dit.head_dim, tiny.conformer.num_up_layers) == (48, 16, 2)
    assert read(tmp_path, write_flow_yaml(tiny)) == tiny


def test_written_as_released(golden_voice: Path) -> None:
    """All but the comment of the tiny file, line by line."""
    tiny = golden_voice / "tiny_flow.yaml"
    lines = [line for line in tiny.read_text().splitlines() if not line.startswith("#")]
    assert write_flow_yaml(read_flow_yaml(tiny)).splitlines() == lines


def test_a_tag_that_would_run_code_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for tag in (
        f"!!python/object/apply:os.system ['touch {mark}']",
        f"!apply:os.system ['touch {mark}']",
        "!new:os.system {}",
    ):
        with pytest.raises(ConfigError):
            read(tmp_path, REAL.replace("output_type: mel", f"output_type: {tag}"))
        with pytest.raises(ConfigError):
            read(tmp_path, f"flow: {tag}\n")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("output_type: mel", "output_type: wave", "output_type"),
        ("key_bias: true", "key_bias: false", "key_bias"),
        ("up_scale_factor: 2", "up_scale_factor: 3", "up_scale_factor"),
        ("  vocab_size: 6561\n", "", "vocab_size"),
        ("vocab_size: 6561", "vocab_size: many", "vocab_size"),
        ("vocab_size: 6561", "vocab_size: 6561\n  surprise: 1", "surprise"),
        ("mlp_ratio: 4.0", "mlp_ratio: 4.0\n      surprise: 1", "surprise"),
        ("decoder_dit.DiT", "decoder_dit.Other", "Other"),
        ("flow: !new", "flow: [\n!new", "YAML"),
        ("flow: !new", "stream: !new", "one key"),
    ],
)
def test_what_is_not_known_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in REAL
    with pytest.raises(ConfigError, match=named):
        read(tmp_path, REAL.replace(old, new))
