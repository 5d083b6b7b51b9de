"""Input validation and encoding: from user types to flat arrays of ids or features.

Never imports torch.
"""
