"""What every answer carries, whoever gives it."""
