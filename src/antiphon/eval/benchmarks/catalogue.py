"""Every benchmark by its name."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from antiphon.errors import ConfigError
from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks import (
    aishell,
    big_bench_audio,
    common_voice,
    covost2,
    cvss,
    fleurs,
    kespeech,
    librispeech,
    manifest,
    mmau,
    nano,
    paralinguistic,
    seed_tts,
    stepeval_360,
    toolcall,
    uro_bench,
    wenetspeech,
)

__all__ = ["BENCHMARKS", "chosen"]

BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        benchmark.name: benchmark
        for module in (librispeech, common_voice, fleurs, aishell, kespeech, wenetspeech, manifest, paralinguistic,
                       mmau, covost2, cvss, toolcall, uro_bench, seed_tts, big_bench_audio, stepeval_360, nano)
        for benchmark in module.BENCHMARKS
    }
)  # fmt: skip


def chosen(names: Sequence[str]) -> list[Benchmark]:
    """Benchmarks by name, or by the beginning of one (`asr`, `uro_bench.zh`), in the order of the catalogue.

    Raises:
        ConfigError: a name fits none.
    """
    for name in names:
        if not any(_fits(name, one) for one in BENCHMARKS):
            raise ConfigError(f"there is no benchmark {name!r}; `antiphon eval list` names them.")
    return [found for name, found in BENCHMARKS.items() if not names or any(_fits(one, name) for one in names)]


def _fits(asked: str, name: str) -> bool:
    return name == asked or name.startswith((f"{asked}.", f"{asked}_"))
