"""The demo shop: a real year as messages, what is derived and broken, and how they are sent."""
