"""The laws of a stream, each a function of a sample that raises where the law is broken.

"To the bit" is `exact`; only another chunking or another batch size may differ, by the sample's tolerance.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from antiphon.nn.state import fork, load, row, save, select, stack
from tests.property.samples import Sample

_started: dict[tuple[int, int, int, int], tuple[Any, Any]] = {}


class Stream:
    """Inputs of one stream, drawn from its seed, cut into chunks of the sample's size."""

    def __init__(self, sample: Sample, seed: int, chunks: int, batch: int = 1) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.chunks = [sample.draw(batch, sample.chunk, generator) for _ in range(chunks)]


def run(module: Any, chunks: list[Tensor], state: Any, ends: bool = False) -> tuple[list[Any], Any]:
    """Push chunks; the outputs of each, and the state after the last."""
    outputs = []
    for index, x in enumerate(chunks):
        y, state = module(x, state, ends and index == len(chunks) - 1)
        outputs.append(y)
    return outputs, state


def flat(outputs: Any) -> list[Tensor]:
    """Every tensor of some outputs, in order."""
    return [outputs] if isinstance(outputs, Tensor) else [t for part in outputs for t in flat(part)]


def exact(got: Any, expected: Any) -> None:
    """Equal to the bit, and not by both being empty."""
    torch.testing.assert_close(flat(got), flat(expected), atol=0, rtol=0)
    assert sum(t.numel() for t in flat(got)) > 0, "nothing was compared"


def close(sample: Sample, got: Any, expected: Any) -> None:
    torch.testing.assert_close(flat(got), flat(expected), atol=sample.atol, rtol=sample.atol)


def started(sample: Sample, module: Any, seed: int, chunks: int = 2, batch: int = 1) -> Any:
    """A stream's state after `chunks` chunks beyond its warm-up; the same one again for the same question."""
    question = (id(module), seed, chunks, batch)
    if question not in _started:
        pushed = Stream(sample, seed, sample.warm + chunks, batch).chunks
        state = run(module, pushed, sample.init(module, batch))[1]
        _started[question] = (state, module)  # the module is kept, so that its id stays its own
    return fork(_started[question][0])


def chunks_equal_whole(sample: Sample, module: Any) -> None:
    for cut in sample.cuts:
        x = sample.draw(1, sum(cut), torch.Generator().manual_seed(1))
        if sample.whole is None:
            whole = sample.join([module(x, sample.init(module, 1), True)[0]])
        else:
            whole = sample.whole(module, x, cut)
        outputs, _ = run(module, list(torch.split(x, list(cut), dim=sample.axis)), sample.init(module, 1), ends=True)
        close(sample, sample.join(outputs), whole)
        assert whole.numel() > 0, "nothing was compared"


def interleaved_streams_do_not_hear_each_other(sample: Sample, module: Any) -> None:
    """Two streams of one batch's memory take turns; each says what it says when the other is silent."""
    streams = [Stream(sample, seed, sample.warm + 4).chunks for seed in (1, 2)]
    alone = []
    for i, chunks in enumerate(streams):
        alone.append(run(module, chunks, row(sample.init(module, 2), i))[0])
    both, heard = sample.init(module, 2), ([], [])
    states = [row(both, 0), row(both, 1)]
    for pair in zip(*streams, strict=True):
        for i, x in enumerate(pair):
            y, states[i] = module(x, states[i], False)
            heard[i].append(y)
    exact(heard, alone)


def going_back_is_never_having_gone(sample: Sample, module: Any) -> None:
    there, instead = Stream(sample, 3, 3).chunks, Stream(sample, 4, 3).chunks
    never, _ = run(module, instead, started(sample, module, 1))
    state = started(sample, module, 1)
    run(module, there, state)
    exact(run(module, instead, state)[0], never)


def stacked_equals_separate(sample: Sample, module: Any) -> None:
    x, y = Stream(sample, 3, 2).chunks, Stream(sample, 4, 2).chunks
    pairs = [torch.cat(pair) for pair in zip(x, y, strict=True)]
    empty = [torch.cat([a, torch.zeros_like(a)]) for a in x]
    first, second, nobody = (started(sample, module, seed) for seed in (1, 2, 5))
    together, _ = run(module, pairs, stack([fork(first), fork(second)]))
    bucket, _ = run(module, empty, stack([fork(first), nobody]))
    exact([t[:1] for t in flat(together)], [t[:1] for t in flat(bucket)])
    close(sample, [t[:1] for t in flat(together)], run(module, x, first)[0])
    close(sample, [t[1:] for t in flat(together)], run(module, y, second)[0])


def a_masked_row_does_not_change(sample: Sample, module: Any) -> None:
    """The second stream waits while the first goes on; then it says what it would have said at once."""
    mask = torch.tensor([True, False])
    first, later = (Stream(sample, seed, 1, batch=2).chunks for seed in (3, 4))
    expected, _ = run(module, later, started(sample, module, 1, batch=2))
    moved, _ = run(module, later, run(module, first, started(sample, module, 1, batch=2))[1])
    old = started(sample, module, 1, batch=2)
    new = run(module, first, old)[1]
    got, _ = run(module, later, select(mask, new, old))
    exact([t[1:] for t in flat(got)], [t[1:] for t in flat(expected)])
    exact([t[:1] for t in flat(got)], [t[:1] for t in flat(moved)])


def saving_and_loading_changes_nothing(sample: Sample, module: Any) -> None:
    state, after = started(sample, module, 1, batch=2), Stream(sample, 3, 3, batch=2).chunks
    with TemporaryDirectory() as folder:
        save(state, Path(folder) / "state.safetensors")
        restored = load(Path(folder) / "state.safetensors", sample.init(module, 1))
    exact(run(module, after, restored)[0], run(module, after, state)[0])


def new_input_never_changes_old_output(sample: Sample, module: Any) -> None:
    chunks = Stream(sample, 1, sample.warm + 5).chunks
    outputs, copies, state = [], [], sample.init(module, 1)
    inputs = [c.clone() for c in chunks]
    for x in chunks:
        y, state = module(x, state, False)
        outputs.append(y)
        copies.append([t.clone() for t in flat(y)])
    exact(outputs, copies)
    exact(chunks, inputs)


def a_fork_is_another_stream(sample: Sample, module: Any) -> None:
    there, here = Stream(sample, 3, 2).chunks, Stream(sample, 4, 2).chunks
    state = started(sample, module, 1)
    other = fork(state)
    run(module, there, state)
    exact(run(module, here, other)[0], run(module, here, started(sample, module, 1))[0])


LAWS: dict[str, Callable[[Sample, Any], None]] = {
    law.__name__: law
    for law in (
        chunks_equal_whole,
        interleaved_streams_do_not_hear_each_other,
        going_back_is_never_having_gone,
        stacked_equals_separate,
        a_masked_row_does_not_change,
        saving_and_loading_changes_nothing,
        new_input_never_changes_old_output,
        a_fork_is_another_stream,
    )
}
COMPILE = "compile"  # checked by compiling.py, in a process without run-time type checks
