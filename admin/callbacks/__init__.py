"""`gateway callbacks`: webhooks, as whoever receives them sees them."""
