"""The laptop: its set-up, its broker and its Redis."""
