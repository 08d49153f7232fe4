"""Training, fitting, and the one-time conversion of pretrained weights; never imported by the core."""
