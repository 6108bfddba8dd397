"""What the models learn from: the nano world and its grammar, synthetic speech, and the store of shards. No torch here."""
