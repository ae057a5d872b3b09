"""How the broker fares: judged in sentences, and every queue in numbers."""
