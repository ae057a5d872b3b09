"""What is seen of a message, channel by channel."""
