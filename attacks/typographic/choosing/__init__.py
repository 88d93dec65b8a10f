"""What a strategy measures over the whole task before the first image is attacked."""
