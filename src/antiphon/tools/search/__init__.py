"""Looking things up: the user's own documents, and machines that search the web."""
