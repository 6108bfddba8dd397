"""The learned parts: stateless functions of (input, state)."""
