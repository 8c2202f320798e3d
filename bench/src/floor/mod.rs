//! What the machine can do at best, measured next to the figures that are compared with it.

pub(crate) mod echo;
pub(crate) mod script;
