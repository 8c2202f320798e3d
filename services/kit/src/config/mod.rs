//! Layered configuration: built-in defaults < file < `TIDEMILL_*` environment < flags.
//!
//! The commented default file *is* the reference: its keys are the only known keys, and the type of each default is the type that
//! every other layer must give. Whatever is wrong is reported at once, each problem with its key and its source.
//!
//! Conventions that follow from TOML having no null: an optional text is `""` by default (read it with [`empty_as_none`]); a default
//! that is an empty table takes any keys.

mod effective;
mod error;
mod layers;
mod nearest;
mod secret;
mod units;
mod value;

pub use error::{ConfigError, Problem, Source};
pub use layers::{CLIENT_VARIABLES, Layers, process_environment, variable_name};
pub use secret::Secret;
pub use units::{ByteSize, HumanDuration, empty_as_none};

#[cfg(test)]
mod tests;
