use std::fmt;

/// One broken rule of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the contract: `retry_policy.max_attempts`, `requests[3].kind`.
    pub field: String,
    /// The rule with its limit, for people. Never holds the value that was sent.
    pub description: String,
}

/// Every broken rule of a request, at least one, in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// The same, of a message that is a field of another: `within("requests[3]")` makes `kind` `requests[3].kind`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        for violation in &mut self.0 {
            violation.field = format!("{parent}.{}", violation.field);
        }
        self
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
