//! Random numbers from the system, fetched for many ids at a time: a call of the system for each would cost more than the rest of an id.

use std::sync::{Mutex, PoisonError};

const BYTES: usize = 1024;
const NUMBER: usize = size_of::<u64>();

/// Hands out each number once.
#[derive(Debug, Default)]
pub(crate) struct Entropy(Mutex<Vec<u8>>);

impl Entropy {
    /// 64 random bits.
    pub(crate) fn number(&self) -> Result<u64, getrandom::Error> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < NUMBER {
            pool.resize(BYTES, 0);
            if let Err(error) = getrandom::fill(&mut pool) {
                pool.clear();
                return Err(error);
            }
        }
        let mut number = [0; NUMBER];
        let rest = pool.len() - NUMBER;
        number.copy_from_slice(&pool[rest..]);
        pool.truncate(rest);
        Ok(u64::from_be_bytes(number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_comes_twice_across_refills() {
        let entropy = Entropy::default();
        let numbers: HashSet<u64> = (0..3 * BYTES / NUMBER + 1).map(|_| entropy.number().unwrap()).collect();
        assert_eq!(numbers.len(), 3 * BYTES / NUMBER + 1);
    }
}
