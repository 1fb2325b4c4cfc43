"""Call tasks at work: whom they dial next, what follows from each call, when they rest and when they end."""
