"""Keys, users, and repeated requests as the store keeps them."""
