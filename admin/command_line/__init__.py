"""What every command is built of: options, words, and what it prints."""
