"""Who may call the API, and what each key sees and does."""
