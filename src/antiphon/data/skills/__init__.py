"""What nano can be taught beyond its first world: conversations in two languages, each with what must be heard in it,
what is right to answer, and how an answer is judged. Imports no torch."""
