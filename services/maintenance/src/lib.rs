//! Promotes, reaps, expires, purges and reconciles, without a leader
