//! Leases tasks for handler processes and keeps their leases alive
