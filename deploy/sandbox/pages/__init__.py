"""The pages of the inbox: plain HTML, our own style and script, nothing from elsewhere."""
