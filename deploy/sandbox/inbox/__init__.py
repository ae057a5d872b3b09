"""What the stand-in providers were sent, and its pages."""
