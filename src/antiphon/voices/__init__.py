"""A library of voices: clips, what they sound like, who may be imitated, and how one of them is found."""
