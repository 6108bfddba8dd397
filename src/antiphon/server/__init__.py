"""antiphon over the wire: the protocols that people's clients already speak."""
