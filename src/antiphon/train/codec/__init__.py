"""Training of what speaks: speech tokenizer, flow, vocoder and speaker net, each a stage of the trainer.

    tokenizer ─ codes ─┐
    speaker ─ voice ───┴─> flow        vocoder (learns from recordings alone; then once more against discriminators)

Each starts from nothing, or from a model's released weights (`init`), and learns from folders of shards; `assemble` in
`parts` puts what was trained into a whole model. `tokenizer:stage`, `flow:stage`, `vocoder:stage` and `speaker:stage`
are the factories that a run names.
"""
