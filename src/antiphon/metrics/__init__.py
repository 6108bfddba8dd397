"""Pure functions that measure: error rates, intervals, speaker similarity, broken signals."""
