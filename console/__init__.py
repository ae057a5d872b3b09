"""The operators' HTTP, on an inner port, with rights that the API does not have."""
