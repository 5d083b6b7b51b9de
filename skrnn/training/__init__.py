"""The training loop: batches, losses, callbacks and the skorch net.

The only package that imports skorch.
"""
