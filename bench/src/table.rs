//! Figures and how they are shown.

use serde::Serialize;

/// Whether a figure keeps what was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Stretch,
    Met,
    Missed,
    /// Has no target of its own.
    Context,
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    pub(crate) row: &'static str,
    pub(crate) figure: String,
    /// What it is compared with, if that was measured.
    pub(crate) floor: String,
    /// What is judged: figure / floor, or the figure itself.
    pub(crate) value: f64,
    pub(crate) target: Option<Bound>,
    pub(crate) stretch: Option<Bound>,
    pub(crate) verdict: Verdict,
    /// More to know: shares, percentiles.
    pub(crate) note: String,
}

/// What a value is held against.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {}", short(bound)),
            Self::AtLeast(bound) => format!("≥ {}", short(bound)),
        }
    }
}

impl Figure {
    /// A figure that is held against bounds. `floor`: its value and what it is called.
    pub(crate) fn new(row: &'static str, figure: f64, unit: &str, floor: Option<(f64, &str)>) -> Self {
        Self {
            row,
            figure: format!("{} {unit}", short(figure)),
            floor: floor.map_or_else(String::new, |(value, name)| format!("{name} = {}", short(value))),
            value: floor.map_or(figure, |(value, _)| figure / value),
            target: None,
            stretch: None,
            verdict: Verdict::Context,
            note: String::new(),
        }
    }

    pub(crate) fn against(mut self, target: Bound, stretch: impl Into<Option<Bound>>) -> Self {
        let stretch = stretch.into();
        (self.target, self.stretch) = (Some(target), stretch);
        self.verdict = match stretch {
            Some(stretch) if stretch.holds(self.value) => Verdict::Stretch,
            _ if target.holds(self.value) => Verdict::Met,
            _ => Verdict::Missed,
        };
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn cells(&self) -> [String; 8] {
        let bound = |bound: Option<Bound>| bound.map_or_else(String::new, Bound::text);
        let verdict = match self.verdict {
            Verdict::Stretch => "stretch",
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::Context => "",
        };
        let ratio = if self.floor.is_empty() {
            String::new()
        } else {
            short(self.value)
        };
        [
            self.row.to_owned(),
            self.figure.clone(),
            self.floor.clone(),
            ratio,
            bound(self.target),
            bound(self.stretch),
            verdict.to_owned(),
            self.note.clone(),
        ]
    }
}

/// Three digits that mean something.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => thousands(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const HEAD: [&str; 8] = ["what", "figure", "floor", "ratio", "target", "stretch", "", "of which"];

/// A Markdown table, with its columns in line.
pub(crate) fn markdown(figures: &[Figure]) -> String {
    let rows: Vec<[String; 8]> = figures.iter().map(Figure::cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    let line = |cells: [&str; 8]| {
        let padded = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!(" {cell:<width$} "));
        format!("|{}|\n", padded.collect::<Vec<_>>().join("|"))
    };
    let mut text = line(HEAD);
    text += &format!("|{}|\n", widths.map(|width| "-".repeat(width + 2)).join("|"));
    for row in &rows {
        text += &line(std::array::from_fn(|at| row[at].as_str()));
    }
    text
}
