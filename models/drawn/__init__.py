"""The layers of pictures again, computed one position at a time as a picture is drawn, each feature once."""
