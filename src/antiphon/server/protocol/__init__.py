"""What is said on the wire, as values: JSON to frozen dataclasses and back. No sockets, no web framework, no torch.

A client is never answered with an exception: whatever it sends becomes an event, a request, or one refusal of the
right shape.
"""
