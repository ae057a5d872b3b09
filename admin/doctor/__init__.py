"""`gateway doctor`: is everything there that the gateway needs?"""
