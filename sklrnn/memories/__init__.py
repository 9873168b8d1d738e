"""Memories: patterns stored and recalled from corrupted cues."""
