"""Running a model: sampling, generation of one stream, conversations."""
