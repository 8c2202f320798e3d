//! Takes tasks in: validates, admits, stores
