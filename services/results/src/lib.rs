//! Answers what became of tasks, and streams their logs
