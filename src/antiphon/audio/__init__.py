"""Waveform to features and back; no learned weights."""
