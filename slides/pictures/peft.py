"""The pictures of the deck on peft."""
