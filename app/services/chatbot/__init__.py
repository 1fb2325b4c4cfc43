"""The chatbot: its users and their one history, and what it answers."""
