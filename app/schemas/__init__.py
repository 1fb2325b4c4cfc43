"""Wire shapes, one file per family."""
