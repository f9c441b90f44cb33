"""What lies beside an utterance in a file of its own: its text, and when its phones and words sound."""
