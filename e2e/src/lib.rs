//! Whole-system tests with real processes and real signals
