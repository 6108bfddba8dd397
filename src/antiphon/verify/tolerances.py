"""How far a result may lie from the reference: one table, by kind of array and dtype.

A float32 bound is absolute. It is the reference's own float32 error with room for another order of summation, not a
bound fitted to this code. In 16-bit dtypes a bound is a share of the array's peak, because the error grows with the
values. Sound, features, speech codes and the vocoder are computed in float32 whatever the dtype, so their bounds do not
depend on it.
"""

from dataclasses import dataclass

from antiphon.errors import InputError


@dataclass(frozen=True)
class Tolerance:
    """`absolute` holds for float32 and float64; in a 16-bit dtype the bound is a share of the peak (None: the same)."""

    absolute: float
    bfloat16: float | None = None
    float16: float | None = None

    def bound(self, dtype: str, peak: float) -> float:
        """The largest difference that passes for an array whose largest magnitude is `peak`."""
        if dtype not in ("float64", "float32", "bfloat16", "float16"):
            raise InputError(f"the dtype {dtype!r} has no tolerances; use float32, float64, bfloat16 or float16.")
        share = {"bfloat16": self.bfloat16, "float16": self.float16}.get(dtype)
        return self.absolute if share is None else max(self.absolute, share * peak)


EXACT = Tolerance(0.0)

TOLERANCES: dict[str, Tolerance] = {
    "exact": EXACT,
    # language-model side
    "resample": Tolerance(1e-5),
    "filterbank": Tolerance(1e-7),
    "mel": Tolerance(2e-4),
    "encoder": Tolerance(2e-5, bfloat16=5e-2, float16=8e-3),
    "adaptor": Tolerance(4e-5, bfloat16=3e-2, float16=4e-3),
    "hidden": Tolerance(5e-5, bfloat16=8e-2, float16=1e-2),
    "logits": Tolerance(1e-4, bfloat16=2e-2, float16=3e-3),
    "greedy": Tolerance(2e-4, bfloat16=3e-2, float16=4e-3),  # how far the reference's token may lie below our best
    "greedy.margin": Tolerance(2e-4, bfloat16=8e-2, float16=1e-2),
    # token2wav
    "voice.resample": Tolerance(2e-6),
    "voice.mel24k": Tolerance(2e-5),
    "voice.logmel": Tolerance(5e-5),
    "voice.fbank": Tolerance(5e-4),
    "codes.activation": Tolerance(5e-5),
    "codes.margin": Tolerance(2e-4),  # an id may differ this close to a rounding border
    "conformer": Tolerance(2e-5, bfloat16=4e-2, float16=5e-3),
    "dit": Tolerance(2e-5, bfloat16=4e-2, float16=5e-3),
    # An angle of up to 1000 rad has a float32 spacing of 6e-5, and the last bit of exp differs from CPU to CPU.
    "dit.time": Tolerance(1e-4),
    "cfm": Tolerance(1e-4, bfloat16=4e-2, float16=5e-3),
    "flow": Tolerance(2e-4, bfloat16=6e-2, float16=8e-3),
    "hift.f0": Tolerance(1e-3),
    "hift.decode": Tolerance(2e-5),
    "hift.phase": Tolerance(5e-4),
    "token2wav.mel": Tolerance(1e-3, bfloat16=6e-2, float16=8e-3),
    "token2wav.pcm16": Tolerance(60.0),
    "token2wav.wave": Tolerance(5e-3),
    "speaker": Tolerance(1e-3),
}
