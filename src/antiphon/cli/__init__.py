"""The command line: one file per command. Nothing here imports torch before there is work to do."""
