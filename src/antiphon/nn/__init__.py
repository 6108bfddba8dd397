"""Parts that know nothing of speech, and the algebra of their states."""
