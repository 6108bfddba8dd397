"""What a model can do, measured on held-out sets that are made by recipe: `antiphon eval`."""
