//! "Did you mean …": the known name closest to a mistyped one.

/// The candidate with the smallest edit distance; the first one wins a draw. None only if there are no candidates.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .min_by_key(|candidate| distance(name, candidate))
        .map(str::to_owned)
}

/// Levenshtein distance in characters, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(&b) {
            let above = *slot;
            left = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = above;
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("redis.ulr", "redis.url"), 2);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn picks_the_closest() {
        let known = ["redis.url", "redis.prefix", "worker.kinds"];
        assert_eq!(nearest("redis.ur", known.into_iter()).as_deref(), Some("redis.url"));
        assert_eq!(nearest("x", std::iter::empty()), None);
    }
}
