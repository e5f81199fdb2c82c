"""The pictures of the deck on scale."""
