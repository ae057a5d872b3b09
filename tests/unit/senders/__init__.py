"""What a sender decides."""
