"""Compile every sample into one graph and run it for fifty steps without a recompilation; run as a program.

It runs outside pytest because run-time type checks wrap every function, and a compiler should see what production sees.
"""

import sys
from typing import Any

import torch

from tests.property.laws import COMPILE, Stream, exact, started
from tests.property.samples import SAMPLES, Sample

STEPS = 50


def check(sample: Sample, module: Any) -> None:
    """The compiled stream says what the plain one says, from one compilation."""
    torch.compiler.reset()
    torch._dynamo.config.error_on_recompile = True
    compiled = torch.compile(module.forward, fullgraph=True, backend="eager", dynamic=False)
    plain, state = (started(sample, module, 1) for _ in range(2))
    for x in Stream(sample, 2, STEPS).chunks:
        expected, plain = module(x, plain, False)
        y, state = compiled(x, state, False)
        exact(y, expected)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with torch.no_grad():
        for name in sys.argv[1:] or [n for n, s in SAMPLES.items() if COMPILE not in s.excepted]:
            try:
                check(SAMPLES[name], SAMPLES[name].build())
                print(f"ok {name}")
            except Exception as error:  # every module is reported, not only the first
                print(f"failed {name}: {type(error).__name__}: {' '.join(str(error).split())[:600]}")
