"""What a model can do, measured: on published benchmarks, and nano on held-out sets that are made by recipe."""
