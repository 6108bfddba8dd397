"""Arithmetic of time: every rate of the system, and the exact divisions between them.

    16 kHz wave ─160→ 100 Hz mel ─2→ 50 Hz conv ─2→ 25 Hz encoder ─2→ 12.5 Hz rows in the prompt
    25 Hz codes ─2→ 50 Hz mel ─480→ 24 kHz wave

No module types a rate of its own; nothing here rounds silently.
"""

def exact_div(a: int, b: int) -> int:
    """a / b where nothing is left over; a remainder is our own mistake."""
    assert a % b == 0, f"{a} is no multiple of {b}"
    return a // b


HEARD_HZ = 16_000  # what the model listens to
SPOKEN_HZ = 24_000  # what the model speaks
PHONE_HZ = 8_000  # what a telephone carries (G.711)
MEL_HOP = 160  # samples of heard sound in one log-mel frame
ROW_HOP = 8 * MEL_HOP  # samples of heard sound in one row of the prompt
MEL_HZ = exact_div(HEARD_HZ, MEL_HOP)  # 100
CODE_HZ = 25  # speech codes a second
FRAME_HZ = 50  # mel frames a second in the flow decoder
FRAMES_PER_CODE = exact_div(FRAME_HZ, CODE_HZ)  # 2
FRAME_HOP = exact_div(SPOKEN_HZ, FRAME_HZ)  # 480 samples of spoken sound in one mel frame
SAMPLES_PER_CODE = FRAME_HOP * FRAMES_PER_CODE  # 960
PIECE_S = 25  # the longest stretch of sound that the encoder hears at once
PIECE_SAMPLES = PIECE_S * HEARD_HZ  # 400_000
PIECE_PAD = 479  # zeros after each piece, so that the last hop is whole


def mel_frames(num_samples: int) -> int:
    """Log-mel frames of a piece of `num_samples` at 16 kHz, padding included (the last STFT frame is dropped)."""
    return (num_samples + PIECE_PAD) // MEL_HOP


def encoder_len(num_frames: int) -> int:
    """Encoder frames (25 Hz) that a piece of `num_frames` log-mel frames fills: floor((L + 1) / 4), L = frames - 2."""
    return max(num_frames - 1, 0) // 4


def num_rows(num_samples: int) -> int:
    """Rows (12.5 Hz) that a piece of `num_samples` at 16 kHz takes in the prompt: floor((n + 959) / 1280)."""
    return (encoder_len(mel_frames(num_samples)) + 1) // 2


def rows_of(begin: int, end: int, count: int) -> slice:
    """The rows of the samples from `begin` to `end`, at least one, of the `count` rows of a whole sound at 16 kHz."""
    first = min(begin // ROW_HOP, count - 1)
    return slice(first, max(first + 1, min(-(-end // ROW_HOP), count)))


def code_samples(num_codes: int) -> int:
    """Samples at 24 kHz that `num_codes` speech codes become."""
    return num_codes * SAMPLES_PER_CODE
