"""Programs that measure every figure that skrnn reports."""
