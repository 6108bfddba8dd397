"""Judges of speech that share nothing with antiphon: how they hear, how one is trained, and what both say of a folder.

    antiphon train recipes/judge --folder runs/nano        the character judge, on the speech of an engine
    python -m recipes.judge.score FOLDER_OR_MANIFEST       word error rate by both judges, as JSON
"""
