"""What is generated says so: a mark in the sound, a note beside the file, and how to find both."""
