"""From a recording of a voice to a voice that can speak: prompt, speaker, an opened stream.
"""
