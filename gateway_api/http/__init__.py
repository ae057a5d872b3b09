"""What a connection and a request may do, before anything is read into them."""
