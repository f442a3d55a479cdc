"""From packs of runs to records: training, evaluation and timing, on the CPU or a GPU."""
