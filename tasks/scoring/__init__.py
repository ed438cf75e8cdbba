"""Scoring a file with the champion."""
