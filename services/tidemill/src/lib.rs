//! The tidemill binary: every role, dev, and the client commands
