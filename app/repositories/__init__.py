"""All SQL of the service; plain arguments, no commit."""
