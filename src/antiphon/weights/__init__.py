"""Checkpoints: found, read strictly, written back. Sizes come from the files, never from a guess."""
