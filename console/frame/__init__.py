"""What stands around every page: the frame, its look, and how NiceGUI runs in this process."""
