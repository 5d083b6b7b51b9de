"""Networks in plain torch; imports nothing of skrnn but itself."""
