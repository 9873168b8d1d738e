"""Symbols: texts and token sequences, continued (generator) or translated (seq2seq)."""
