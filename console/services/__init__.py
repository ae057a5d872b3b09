"""What pages share, made once a process and handed to them."""
