"""The pictures of the deck on lora."""
