"""What a webhook call is made of, without I/O: where it may go, and how it is signed."""
