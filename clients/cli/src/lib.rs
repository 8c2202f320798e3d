//! The client commands of the tidemill binary
