"""What is learned from the gold tables: DataFrames and frozen params in, models and DataFrames out."""
