"""A report that opens from a file: no server, nothing fetched."""
