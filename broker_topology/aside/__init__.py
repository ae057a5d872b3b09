"""What a journal could not store: looked at, kept in a file, put back."""
