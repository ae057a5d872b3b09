"""What was taken back after it was accepted, as a sender knows it."""
