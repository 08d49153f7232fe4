"""Tests of what a user may ask a face for."""
