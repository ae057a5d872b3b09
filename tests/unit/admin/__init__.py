"""The command line: what it shows and decides."""
