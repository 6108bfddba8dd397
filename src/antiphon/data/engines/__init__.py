"""Speech synthesis engines as plug-ins; `catalogue` lists them, `protocol` says what one must do."""
