"""O1: asking a provider about calls that are under way, and placing calls on request."""
