//! Durations as people write them: `200ms`, `10s`, `1h30m`, `2d`.

use std::time::Duration;

/// Far beyond every limit of the contract, and far below what could overflow a clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads one or more numbers with a unit each: `ms`, `s`, `m`, `h`, `d`. A number without a unit is refused, but for `0`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("`{text}` is not a duration; write e.g. 200ms, 10s, 5m, 1h30m, 2d");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(refused)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let seconds = number.parse::<f64>().map_err(|_| refused())? * unit_seconds(unit).ok_or_else(refused)?;
        let part = Duration::try_from_secs_f64(seconds).map_err(|_| refused())?;
        total = total
            .checked_add(part)
            .filter(|total| *total <= LONGEST)
            .ok_or_else(refused)?;
        rest = after;
    }
    if text.is_empty() { Err(refused()) } else { Ok(total) }
}

fn unit_seconds(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(0.001),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3_600.0),
        "d" => Some(86_400.0),
        _ => None,
    }
}

/// The contract's form. Saturates; `parse_duration` never lets that happen.
pub(crate) fn to_proto(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// `42s`, `1h05m`, `3d02h`: two units say enough about an age. A negative one counts as zero.
pub(crate) fn age(duration: &prost_types::Duration) -> String {
    let seconds = duration.seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, ..) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, millis) in [
            ("0", 0),
            ("200ms", 200),
            ("10s", 10_000),
            ("1.5s", 1_500),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1m1ms", 60_001),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_and_shows_how() {
        for text in [
            "",
            "10",
            "s",
            "1x",
            "1 s",
            "-1s",
            "1e3s",
            "1..2s",
            "1S",
            "99999999999999999999d",
            "101000d",
            "ms",
        ] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.contains("1h30m"), "{error}");
        }
    }

    #[test]
    fn becomes_the_contracts_form() {
        let nanos = 250_000_000;
        assert_eq!(
            to_proto(Duration::from_millis(1_250)),
            prost_types::Duration { seconds: 1, nanos }
        );
    }

    #[test]
    fn ages_have_two_units() {
        let told = |seconds| age(&prost_types::Duration { seconds, nanos: 0 });
        assert_eq!(
            [-1, 59, 61, 3_900, 266_400].map(told),
            ["0s", "59s", "1m01s", "1h05m", "3d02h"]
        );
    }
}
