//! Colour, for terminals only.

use clap::ValueEnum;
use tidemill_client::TaskState;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Colours text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Without colour.
    pub(crate) const PLAIN: Self = Self(false);

    /// For a stream that is a terminal, or is none. The flag wins over the environment.
    pub(crate) fn new(color: Color, terminal: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self::decide(color, terminal, set("NO_COLOR") || dumb)
    }

    fn decide(color: Color, terminal: bool, unwanted: bool) -> Self {
        Self(match color {
            Color::Auto => terminal && !unwanted,
            Color::Always => true,
            Color::Never => false,
        })
    }

    /// A state's name.
    pub(crate) fn state(self, state: TaskState) -> String {
        let name = state.to_string();
        match state {
            TaskState::Running => self.code("36", &name),
            TaskState::Succeeded => self.good(&name),
            TaskState::Failed => self.bad(&name),
            TaskState::Cancelled | TaskState::Expired => self.code("33", &name),
            _ => name,
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.code("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.code("31", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.code("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_on_a_terminal_unless_told_otherwise() {
        let colours = |color, terminal, unwanted| Paint::decide(color, terminal, unwanted).0;
        assert!(colours(Color::Auto, true, false));
        assert!(!colours(Color::Auto, false, false) && !colours(Color::Auto, true, true));
        assert!(colours(Color::Always, false, true));
        assert!(!colours(Color::Never, true, false));
    }

    #[test]
    fn states_keep_their_names() {
        assert_eq!(Paint::PLAIN.state(TaskState::Failed), "FAILED");
        assert_eq!(Paint(true).state(TaskState::Failed), "\x1b[31mFAILED\x1b[0m");
        assert_eq!(Paint(true).state(TaskState::Queued), "QUEUED");
    }
}
