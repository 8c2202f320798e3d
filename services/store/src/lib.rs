//! All that Tidemill says to Redis: one atomic script for each transition
