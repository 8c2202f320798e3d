//! Noticing that a client takes nothing.

use std::time::{Duration, Instant};

/// Looks that must find a stream stalled before it is closed: a process that was suspended does not blame its clients.
const LOOKS: u32 = 3;

/// What those who look for stalled streams remember of one.
#[derive(Debug, Default)]
pub(crate) struct Stall(Option<Seen>);

#[derive(Debug)]
struct Seen {
    /// How often the client's side had asked for something.
    asked: u64,
    /// When that was first seen.
    since: Instant,
    /// How often it was seen again.
    looks: u32,
}

impl Stall {
    /// There is nothing to do, so nobody needs to ask.
    pub(crate) fn is_over(&mut self) {
        self.0 = None;
    }

    /// There is something to do, and the client's side has `asked` for something so often. True: not once in the last `limit`.
    pub(crate) fn lasts(&mut self, asked: u64, now: Instant, limit: Duration) -> bool {
        match &mut self.0 {
            Some(seen) if seen.asked == asked => {
                seen.looks += 1;
                seen.looks >= LOOKS && now.saturating_duration_since(seen.since) >= limit
            }
            seen => {
                *seen = Some(Seen {
                    asked,
                    since: now,
                    looks: 0,
                });
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(8);

    /// Looks every two seconds; `asked` at each of them, none: nothing to do. The number of the first look that finds it stalled.
    fn first_stalled(asked: &[Option<u64>]) -> Option<usize> {
        let (start, mut stall) = (Instant::now(), Stall::default());
        (0..).zip(asked).position(|(look, asked)| match asked {
            Some(asked) => stall.lasts(*asked, start + Duration::from_secs(2) * look, LIMIT),
            None => {
                stall.is_over();
                false
            }
        })
    }

    #[test]
    fn a_client_that_asks_for_nothing_is_stalled_after_the_limit() {
        assert_eq!(first_stalled(&[Some(7); 9]), Some(4));
    }

    #[test]
    fn one_that_asks_now_and_then_is_not() {
        assert_eq!(first_stalled(&[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3].map(Some)), None);
    }

    #[test]
    fn time_without_anything_to_do_does_not_count() {
        let mut asked = [Some(1); 9];
        asked[3] = None;
        asked[7] = None;
        assert_eq!(first_stalled(&asked), None);
    }

    #[test]
    fn a_pause_of_the_whole_process_is_no_stall() {
        let (start, mut stall) = (Instant::now(), Stall::default());
        assert!(!stall.lasts(1, start, LIMIT));
        assert!(!stall.lasts(1, start + Duration::from_secs(600), LIMIT));
    }
}
