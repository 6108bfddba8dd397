"""A stateful module survives being sharded: two processes stream and train through one decoder."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow  # two processes that each load the distributed part of torch
def test_two_ranks_stream_and_train_through_a_sharded_decoder() -> None:
    root = Path(__file__).parents[2]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.nn.sharding", str(rank), port],
            cwd=root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for rank in ranks:
            out, err = rank.communicate(timeout=300)
            assert (rank.returncode, out.split()) == (0, ["streamed", "trained"]), err[-3000:]
    finally:
        for rank in ranks:
            rank.kill()
