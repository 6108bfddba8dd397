"""What the models learn from: the nano world, synthetic speech, the store of shards. Imports no torch."""
