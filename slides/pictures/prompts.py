"""The pictures of the deck on prompts."""
