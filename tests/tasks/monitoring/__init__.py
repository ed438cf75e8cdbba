"""Tests of what a batch says about the champion."""
