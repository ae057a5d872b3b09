"""What pages make of what they are given."""
