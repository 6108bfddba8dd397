"""Tokens and words: the layout of ids, the tokenizer, conversations as prompts, and the parser of replies. No torch."""
