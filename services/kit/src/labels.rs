//! Labels of metrics whose values clients make up, e.g. names of queues: their number is bounded, or anybody could fill the memory of this
//! process and of whoever scrapes it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// This many values are shown, the first that come; the others share one.
const MOST: usize = 100;
/// The value they share.
pub const OTHER: &str = "other";

/// The values seen so far of one label. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct BoundedLabels(Arc<Mutex<HashSet<String>>>);

impl BoundedLabels {
    /// What to show for a value.
    #[must_use]
    pub fn of(&self, value: &str) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(value) {
            if known.len() >= MOST {
                return OTHER.to_owned();
            }
            known.insert(value.to_owned());
        }
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hundred_values_are_shown() {
        let labels = BoundedLabels::default();
        for n in 0..150 {
            let (value, own) = (format!("q{n}"), n < MOST);
            assert_eq!(labels.of(&value), if own { value } else { OTHER.to_owned() });
        }
        assert_eq!(labels.of("q99"), "q99");
    }
}
