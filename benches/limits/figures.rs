//! Figures on paper: medians, their spread, ratios beside their limits. Measures nothing.

use std::io::Write as _;

/// What several rounds gave, in the order of their size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    pub(crate) fn add(&mut self, figure: f64) {
        let at = self.0.partition_point(|other| *other < figure);
        self.0.insert(at, figure);
    }

    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        let at = |i: usize| self.0.get(i).copied().unwrap_or(f64::NAN);
        if self.0.len().is_multiple_of(2) {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        } else {
            at(middle)
        }
    }

    /// Least and greatest.
    fn spread(&self) -> (f64, f64) {
        let end = |figure: Option<&f64>| figure.copied().unwrap_or(f64::NAN);
        (end(self.0.first()), end(self.0.last()))
    }
}

/// A limit of a figure or ratio.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    AtLeast(f64),
    Below(f64),
}

impl Limit {
    fn is_kept(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::Below(most) => figure < most,
        }
    }

    fn words(self, figure: f64) -> String {
        let (sign, limit) = match self {
            Self::AtLeast(limit) => ("at least", limit),
            Self::Below(limit) => ("below", limit),
        };
        let verdict = if self.is_kept(figure) {
            "reached".to_owned()
        } else {
            format!("MISSED by {:.0} %", (figure / limit - 1.0).abs() * 100.0)
        };
        format!("{sign} {limit}: {verdict}")
    }
}

/// Standard output, and what was missed so far.
pub(crate) struct Paper {
    out: std::io::Stdout,
    missed: Vec<String>,
}

impl Paper {
    pub(crate) fn new() -> Self {
        Self { out: std::io::stdout(), missed: Vec::new() }
    }

    pub(crate) fn line(&mut self, words: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "{words}")?)
    }

    /// A figure of several rounds: `what  1,234 unit (1,200 to 1,250)  more`.
    pub(crate) fn rounds(
        &mut self,
        what: &str,
        rounds: &Rounds,
        unit: &str,
        more: &str,
    ) -> anyhow::Result<()> {
        let (least, most) = rounds.spread();
        let spread = format!("({} to {})", number(least), number(most));
        self.line(&format!("  {what:<52} {:>9} {unit:<9} {spread:<22} {more}", number(rounds.median())))
    }

    /// A ratio or figure with its limit.
    pub(crate) fn judge(&mut self, what: &str, figure: f64, unit: &str, limit: Limit) -> anyhow::Result<()> {
        let shown = format!("{figure:.2}");
        let line = format!("  {what:<52} {shown:>9} {unit:<9} {}", limit.words(figure));
        if !limit.is_kept(figure) {
            self.missed.push(line.trim().to_owned());
        }
        self.line(&line)
    }

    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let missed = std::mem::take(&mut self.missed);
        if missed.is_empty() {
            return self.line("\nevery limit was reached");
        }
        self.line(&format!("\nmissed:\n  {}", missed.join("\n  ")))
    }
}

/// `12,345`, or `0.12` for small figures.
fn number(figure: f64) -> String {
    if figure < 100.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{figure:.0}");
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Rounds of a part: `BENCH_ROUNDS`, where it is set, for a quick look.
pub(crate) fn rounds(usual: u64) -> u64 {
    std::env::var("BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Events a second.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn rate(events: u64, time: std::time::Duration) -> f64 {
    events as f64 / time.as_secs_f64()
}
