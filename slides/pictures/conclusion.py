"""The pictures of the deck on conclusion."""
