"""`gateway dead`: find out why deliveries failed, and send them again or discard them."""
