"""Print the accelerator that torch sees here, or nothing:  python -m antiphon.cli.accelerator"""


def accelerator() -> str:
    """cuda, mps, or an empty string."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else ""


if __name__ == "__main__":
    print(accelerator())
