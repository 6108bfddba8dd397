"""Describe all that is to be heard in a recording: words, speakers, surroundings:  antiphon analyse street.wav"""

from antiphon.cli.options import Device, Dtype, Name, Sound, Threads, load_model, read


def analyse(
    audio: Sound, model: Name = "nano", device: Device = "cpu", dtype: Dtype = None, threads: Threads = None
) -> None:
    """Describe all that is to be heard in a recording: words, speakers, surroundings."""
    sound = read(audio)
    print(load_model(model, device, dtype, threads).analyse(sound))
