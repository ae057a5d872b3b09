"""Dead letters: looked at, requeued, discarded, kept in files."""
