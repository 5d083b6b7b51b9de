"""Generates sequences step by step, over one ``step(tokens, state)`` function.

Imports torch and nothing of skrnn but itself.
"""
