"""What a connection and a request may do."""
