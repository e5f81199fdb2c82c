"""The pictures of the deck on memory."""
