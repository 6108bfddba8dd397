"""What helps a small model to learn in hours what a large one learns in weeks, as data. Loads no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Helps:
    """Each help with the weight of its loss; 0 leaves it away, and with none it is plain next-token training."""

    guide: float = 0.0  # one head looks at the word that is being spoken
    copy: float = 0.0  # one head looks at the word that is read or repeated
    about: float = 0.0  # one head looks at the stretch of sound that a reply tells of
    echo: bool = False  # in real sound too, at the rows that spell it; for ears that can spell already
    reading: float = 0.0  # rows of sound spell what is said, by CTC against the token embeddings
    row_norm: float = 0.0  # rows of sound are as long as embeddings
    phones: float = 0.0  # the encoder's steps say phones, by CTC, in the pass that makes the rows; needs a lexicon
    aligned: float = 0.0  # and step by step, where the times of the phones are known
    traits: float = 0.0  # rows of sound tell how it sounds, where that is known; needs a file of traits
    decoder: bool = True  # False: only the ears learn, by `reading`, and the language model does not run
    layer: int = 2  # where the guided heads are
    guide_head: int = 0  # two guided heads should have keys of their own
    copy_head: int = 3
    about_layer: int = 3  # and where the one that looks at a stretch of sound is
    about_head: int = 0
    code_noise: float = 0.0  # share of the input codes that are other ones
    path_noise: float = 0.5  # of pseudo-sound, as a part of an embedding's length
    cut: float = 0.0  # share of earlier spoken replies that the user cut short: read as far as heard, and not learned
    dropout: float = 0.0
