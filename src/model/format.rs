//! The formats of a mapping: how a date, a time or a number is written as text. Reads and checks patterns, and
//! applies them to values that were read already. Never rounds, and never guesses what a pattern may have meant.

use std::fmt::Write as _;

use chrono::{
    Datelike, NaiveDate, NaiveTime,
    format::{DelayedFormat, Item, StrftimeItems},
};
use chrono_tz::Tz;
use thiserror::Error;

use crate::{limits::FORMAT_BYTES_MAX, model::moment::Moment};

/// How a value is written as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// A date, a time, or both.
    Date(DateFormat),
    /// A number.
    Number(NumberFormat),
}

/// A strftime pattern: <https://docs.rs/chrono/0.4/chrono/format/strftime/index.html>, without what needs a zone or
/// differs by country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateFormat {
    items: Vec<Item<'static>>,
    needs_date: bool,
    needs_time: bool,
}

/// A spreadsheet's pattern of `0 # , .`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// Digits before the point at least; zeros fill them up.
    whole_min: usize,
    /// Thousands are separated.
    grouped: bool,
    /// Digits after the point at least.
    fraction_min: usize,
    /// Digits after the point at most.
    fraction_max: usize,
}

/// Why a format cannot write a value; continues a sentence about the value, which it never shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// A time of day alone, and the pattern has a date.
    #[error("it is a time of day without a date, and the format writes a date")]
    NoDate,
    /// A date alone, and the pattern has a time.
    #[error("it is a date without a time of day, and the format writes a time")]
    NoTime,
    /// Databases keep 0000-00-00 and its like as a mark for "no date".
    #[error("its year is not between 1 and 9999")]
    Year,
    /// chrono refuses to write it.
    #[error("the format cannot write it")]
    Unwritable,
    /// Digits would be lost.
    #[error(
        "it has {has} decimal places, the format takes {takes}, and nothing is rounded; give the format more places"
    )]
    TooPrecise {
        /// Decimal places of the number, without zeros at its end.
        has: usize,
        /// Those that the pattern has.
        takes: usize,
    },
}

/// What to write where it is not clear which of the two was meant.
const EXAMPLES: &str =
    "for a date or time write e.g. \"%d/%m/%Y %H:%M\", for a number e.g. \"00000\", \"0.00\" or \"#,##0.00\"";

impl Format {
    /// Reads a pattern; one that has a `%` is for dates and times. The error says in words what is wrong and what
    /// to write.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        if pattern.len() > FORMAT_BYTES_MAX {
            return Err(format!("the format is longer than {FORMAT_BYTES_MAX} characters; shorten it"));
        }
        if pattern.contains('%') {
            return DateFormat::parse(pattern).map(Self::Date);
        }
        if pattern.trim().is_empty() {
            return Err(format!("the format is empty; {EXAMPLES}"));
        }
        if pattern.chars().all(|c| "0#,.".contains(c)) {
            return NumberFormat::parse(pattern).map(Self::Number);
        }
        Err(format!("{pattern:?} is no format; {EXAMPLES}"))
    }
}

impl DateFormat {
    /// Whether it writes a part of a date.
    #[must_use]
    pub fn needs_date(&self) -> bool {
        self.needs_date
    }

    /// Whether it writes a part of a time of day.
    #[must_use]
    pub fn needs_time(&self) -> bool {
        self.needs_time
    }

    /// The moment as the pattern writes it, a moment with a zone by the wall clock of `zone`.
    pub fn write(&self, moment: Moment, zone: Tz) -> Result<String, FormatError> {
        let (date, time) = parts(moment, zone);
        if self.needs_date {
            let year = date.ok_or(FormatError::NoDate)?.year();
            if !(1..=9999).contains(&year) {
                return Err(FormatError::Year);
            }
        }
        if self.needs_time && time.is_none() {
            return Err(FormatError::NoTime);
        }
        let mut text = String::new();
        // Not by `to_string`, which panics where chrono refuses.
        write!(text, "{}", DelayedFormat::new(date, time, self.items.iter()))
            .map_err(|_| FormatError::Unwritable)?;
        Ok(text)
    }

    fn parse(pattern: &str) -> Result<Self, String> {
        let mut letters = String::new();
        let mut rest = pattern;
        while let Some((_, from)) = rest.split_once('%') {
            let end = from.find(|c| !"-_.:#0123456789".contains(c));
            let Some((end, letter)) = end.and_then(|end| Some((end, from.get(end..)?.chars().next()?)))
            else {
                return Err(
                    "the format ends with a % that stands alone; write %% for a percent sign".to_owned()
                );
            };
            let (modifiers, after) = from.split_at_checked(end).unwrap_or((from, ""));
            let specifier = format!("%{modifiers}{letter}");
            refuse(&specifier, letter)?;
            letters.push(letter);
            rest = after.strip_prefix(letter).unwrap_or(after);
        }
        let has = |which: &str| letters.chars().any(|c| which.contains(c));
        let format = Self {
            items: StrftimeItems::new(pattern)
                .parse_to_owned()
                .map_err(|_| format!("{pattern:?} is no format; {EXAMPLES}"))?,
            needs_date: has(DATE_LETTERS),
            needs_time: has(TIME_LETTERS),
        };
        if !format.needs_date && !format.needs_time {
            return Err(
                "the format has a % but no part of a date or time; write e.g. \"%d/%m/%Y\"".to_owned()
            );
        }
        // What these would write could be read as another time: of an appointment that is a closed door.
        if has("Il") && !has("pP") {
            return Err("%I and %l are hours from 1 to 12, so that 9 may be morning or evening; add %p (AM or PM), or write %H (0 to 23)".to_owned());
        }
        if has("pP") && has("HkRT") && !has("Il") {
            return Err(
                "%p (AM or PM) goes with %I (1 to 12), not with hours from 0 to 23; write %I, or remove %p"
                    .to_owned(),
            );
        }
        if has("M") && !has("HkIl") && format.needs_date {
            return Err("%M is the minute, and there is no hour; the month is %m".to_owned());
        }
        if has("HkIl") && !has("M") && pattern.contains(":%m") {
            return Err("%m is the month; the minute is %M".to_owned());
        }
        Ok(format)
    }
}

/// Specifiers that write a part of a date.
const DATE_LETTERS: &str = "YCyqmbBhdeaAwuUWGgVjDFv";
/// Specifiers that write a part of a time of day.
const TIME_LETTERS: &str = "HkIlPpMSfRT";
/// Specifiers that write a fixed character.
const FIXED_LETTERS: &str = "%nt";

fn refuse(specifier: &str, letter: char) -> Result<(), String> {
    let shown = specifier.escape_debug();
    let why = match letter {
        's' => "counts the seconds since 1970 in UTC, which a date without a zone does not tell",
        'z' | 'Z' => {
            "is a time zone; dates are written as the local time of the column's zone, which has none"
        }
        '+' => {
            return Err(format!(
                "{shown} holds a time zone, and dates are written without one; write %Y-%m-%dT%H:%M:%S"
            ));
        }
        'c' | 'x' | 'X' | 'r' => {
            return Err(format!(
                "{shown} means another form in each country; write the parts, e.g. %d/%m/%Y %H:%M or %I:%M %p"
            ));
        }
        _ => {
            let known = [DATE_LETTERS, TIME_LETTERS, FIXED_LETTERS].iter().any(|l| l.contains(letter));
            if known && StrftimeItems::new(specifier).parse().is_ok() {
                return Ok(());
            }
            return Err(format!(
                "{shown} is no part of a date or time; there are %d day, %m month, %Y year, %H hour, %M minute, %S second, and %% for a percent sign"
            ));
        }
    };
    Err(format!("{shown} {why}; remove it"))
}

fn parts(moment: Moment, zone: Tz) -> (Option<NaiveDate>, Option<NaiveTime>) {
    match moment {
        Moment::Date(date) => (Some(date), None),
        Moment::Time(time) => (None, Some(time)),
        Moment::Local(_) | Moment::Zoned(_) => moment.local(zone).map(|l| (l.date(), l.time())).unzip(),
    }
}

impl NumberFormat {
    /// The number as the pattern writes it: its digits before and after the point, of which those before begin with
    /// no zero. What is 0 has no sign.
    pub fn write(&self, negative: bool, whole: &str, fraction: &str) -> Result<String, FormatError> {
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > self.fraction_max {
            return Err(FormatError::TooPrecise { has: fraction.len(), takes: self.fraction_max });
        }
        let zero = whole.is_empty() && fraction.is_empty();
        let mut text = if negative && !zero { "-".to_owned() } else { String::new() };
        let length = whole.len().max(self.whole_min);
        let zeros = std::iter::repeat_n('0', length - whole.len());
        for (at, digit) in zeros.chain(whole.chars()).enumerate() {
            if self.grouped && at > 0 && (length - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        if !fraction.is_empty() || self.fraction_min > 0 {
            text.push('.');
            text.push_str(fraction);
            text.extend(std::iter::repeat_n('0', self.fraction_min.saturating_sub(fraction.len())));
        }
        Ok(text)
    }

    fn parse(pattern: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("{pattern:?} is no format for numbers: {what}"));
        let (whole, fraction) = match pattern.split_once('.') {
            None => (pattern, ""),
            Some((_, "")) => return wrong("nothing comes after its point; write e.g. \"0.00\", or no point"),
            Some(parts) => parts,
        };
        if fraction.contains(['.', ',']) {
            return wrong(
                "thousands are separated by commas and come before the one point, decimals after it, as in \"#,##0.00\"",
            );
        }
        let mut groups = whole.split(',');
        let first = groups.next().map_or(0, str::len);
        let grouped = whole.contains(',');
        if grouped && (!(1..=3).contains(&first) || groups.any(|group| group.len() != 3)) {
            return wrong(
                "a comma separates thousands, with three places after it, as in \"#,##0\"; decimals come after a point, as in \"0.00\"",
            );
        }
        let places: String = whole.chars().filter(|c| *c != ',').collect();
        if places.contains("0#") {
            return wrong("before the point every # comes before the zeros, as in \"#,##0\"");
        }
        if fraction.contains("#0") {
            return wrong("after the point the zeros come before every #, as in \"0.0#\"");
        }
        let zeros = |places: &str| places.bytes().filter(|b| *b == b'0').count();
        let (whole_min, fraction_min) = (zeros(&places), zeros(fraction));
        if whole_min + fraction_min == 0 {
            return wrong(
                "it would write nothing for 0; write a 0 for each digit that is always there, as in \"0\" or \"0.##\"",
            );
        }
        Ok(Self { whole_min, grouped, fraction_min, fraction_max: fraction.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(pattern: &str) -> String {
        Format::parse(pattern).map_or_else(|e| e, |f| format!("accepted: {f:?}"))
    }

    #[test]
    fn mistakes_are_told_in_words() {
        let check = |pattern: &str, part: &str| {
            let told = error(pattern);
            assert!(told.contains(part), "{pattern}: {told}");
        };
        check("", "the format is empty");
        check("  ", "the format is empty");
        check("dd/MM/yyyy", "\"dd/MM/yyyy\" is no format; for a date or time write e.g. \"%d/%m/%Y %H:%M\"");
        check("0 €", "is no format");
        check(&"0".repeat(FORMAT_BYTES_MAX + 1), "longer than");
        check("%d.%m.%", "write %% for a percent sign");
        check("%d.%-", "write %% for a percent sign");
        check("100%", "write %% for a percent sign");
        check("100%%", "no part of a date or time");
        check("%n", "no part of a date or time");
        check("%d.%i.%Y", "%i is no part of a date or time; there are %d day");
        check("%d\u{1f}%\u{1f}", "%\\u{1f} is no part");
        check("%ä", "%ä is no part");
        check("%30d", "%30d is no part");
        check("%-F", "%-F is no part");
        check("%-B", "%-B is no part");
        check("%4f", "%4f is no part");
        check("%E", "%E is no part");
        check("%s", "%s counts the seconds since 1970");
        check("%-s", "%-s counts");
        check("%H:%M %z", "%z is a time zone");
        check("%H:%M %:z", "%:z is a time zone");
        check("%H:%M %:::z", "%:::z is a time zone");
        check("%H:%M %#z", "%#z is a time zone");
        check("%H:%M %Z", "%Z is a time zone");
        check("%+", "%+ holds a time zone");
        check("%c", "another form in each country");
        check("%x %X", "%x means");
        check("%r", "%r means");
        check("%I:%M", "add %p (AM or PM)");
        check("%d %l", "add %p (AM or PM)");
        check("%H:%M %p", "%p (AM or PM) goes with %I");
        check("%T %p", "%p (AM or PM) goes with %I");
        check("%d/%M/%Y", "the month is %m");
        check("%F %H:%m", "the minute is %M");
        check("#", "it would write nothing for 0");
        check("#.##", "it would write nothing for 0");
        check("#,###", "it would write nothing for 0");
        check(".", "nothing comes after its point");
        check("0.", "nothing comes after its point");
        check("0,00", "decimals come after a point");
        check(",000", "a comma separates thousands");
        check("0,", "a comma separates thousands");
        check("0000,000", "a comma separates thousands");
        check("#,##,##0", "a comma separates thousands");
        check("#.##0,00", "decimals after it");
        check("0.0.0", "the one point");
        check("0#", "every # comes before the zeros");
        check("0,##0", "every # comes before the zeros");
        check("0.#0", "the zeros come before every #");
    }

    fn date(pattern: &str) -> DateFormat {
        match Format::parse(pattern) {
            Ok(Format::Date(format)) => format,
            other => panic!("{pattern}: {other:?}"),
        }
    }

    #[test]
    fn dates_and_times_are_written() {
        let check = |pattern: &str, text: &str, expected: &str| {
            let moment = Moment::parse(text).unwrap();
            let got = date(pattern).write(moment, chrono_tz::Asia::Kolkata);
            assert_eq!(got.unwrap_or_else(|e| format!("! {e:?}")), expected, "{pattern} {text}");
        };
        check("%d/%m/%Y %H:%M", "2025-03-03T09:05:00", "03/03/2025 09:05");
        check("%d/%m/%Y %H:%M", "2025-03-03T20:00:00Z", "04/03/2025 01:30");
        check("%d/%m/%Y", "2025-03-03T20:00:00Z", "04/03/2025");
        check("%d/%m/%Y", "2025-03-03", "03/03/2025");
        check("%H%M", "2025-03-03T20:00:00+05:30", "2000");
        check("%H%M", "09:05", "0905");
        check("%H:%M", "2025-03-03", "! NoTime");
        check("%d/%m/%Y %H:%M", "2025-03-03", "! NoTime");
        check("%d/%m/%Y", "09:05", "! NoDate");
        check("%d/%m/%Y %H:%M", "09:05", "! NoDate");
        check("%d-%b-%Y", "2025-03-03", "03-Mar-2025");
        check("%-d. %B %y (%A)", "2025-03-03", "3. March 25 (Monday)");
        check("%I:%M %p", "21:05", "09:05 PM");
        check("%l.%M%P", "00:05", "12.05am");
        check("%S%.3f", "09:05:07.9999", "07.999");
        check("%H:%M Uhr, 100%%", "09:05", "09:05 Uhr, 100%");
        check("%M", "09:05", "05");
        check("%m", "2025-03-03", "03");
        check("%Y:%m:%d %H:%M:%S", "2025-03-03T09:05:00", "2025:03:03 09:05:00");
        check("%F %R", "0000-01-01T00:00:00", "! Year");
        check("%F", "0001-01-01T00:00:00+09:00", "! Year");
        check("%F", "9999-12-31T23:00:00Z", "! Year");
        check("%R", "0000-01-01T00:00:00", "00:00");
        check("%F", "0999-01-01", "0999-01-01");
    }

    /// The tables of letters against chrono itself: each writes with what it says it needs, and not without.
    #[test]
    fn a_format_knows_what_it_needs() {
        let (day, time) = (NaiveDate::from_ymd_opt(2025, 3, 3).unwrap(), NaiveTime::MIN);
        let (day, time) = (Moment::Date(day), Moment::Time(time));
        let check = |letter: char, needs_date: bool| {
            let items: Vec<_> = StrftimeItems::new(&format!("%{letter}")).parse_to_owned().unwrap();
            let format = DateFormat { items, needs_date: false, needs_time: false };
            assert_eq!(format.write(day, Tz::UTC).is_ok(), needs_date, "%{letter}");
            assert_eq!(format.write(time, Tz::UTC).is_ok(), !needs_date, "%{letter}");
        };
        DATE_LETTERS.chars().for_each(|letter| check(letter, true));
        TIME_LETTERS.chars().for_each(|letter| check(letter, false));
        let both = date("%F %R");
        assert!(both.needs_date() && both.needs_time());
        assert!(date("%F").needs_date() && !date("%F").needs_time());
        assert!(!date("%R").needs_date() && date("%R").needs_time());
    }

    fn number(pattern: &str) -> NumberFormat {
        match Format::parse(pattern) {
            Ok(Format::Number(format)) => format,
            other => panic!("{pattern}: {other:?}"),
        }
    }

    #[test]
    fn numbers_are_written() {
        let check = |pattern: &str, (negative, whole, fraction): (bool, &str, &str), expected: &str| {
            let got = number(pattern).write(negative, whole, fraction);
            assert_eq!(got.unwrap_or_else(|e| format!("! {e}")), expected, "{pattern} {whole}.{fraction}");
        };
        check("00000", (false, "42", ""), "00042");
        check("00000", (false, "1234567", ""), "1234567");
        check("00000", (true, "42", ""), "-00042");
        check("0", (true, "", "0"), "0");
        check("0.00", (false, "1500", ""), "1500.00");
        check("0.00", (false, "1500", "500"), "1500.50");
        check("0.00", (true, "", "05"), "-0.05");
        check("0.##", (false, "5", ""), "5");
        check("0.##", (false, "5", "5"), "5.5");
        check("0.0#", (false, "5", ""), "5.0");
        check("0.0#", (false, "5", "25"), "5.25");
        check("#.00", (false, "", "5"), ".50");
        check(".00", (false, "7", "5"), "7.50");
        check("##0", (false, "7", ""), "7");
        check("#,##0.00", (false, "999", ""), "999.00");
        check("#,##0.00", (false, "1000", ""), "1,000.00");
        check("#,##0.00", (true, "123456", "7"), "-123,456.70");
        check("#,##0", (false, "1234567", ""), "1,234,567");
        check("0,000,000", (false, "5", ""), "0,000,005");
        check(
            "0.00",
            (false, "1", "005"),
            "! it has 3 decimal places, the format takes 2, and nothing is rounded; give the format more places",
        );
        check(
            "0",
            (false, "1", "50"),
            "! it has 1 decimal places, the format takes 0, and nothing is rounded; give the format more places",
        );
    }

    proptest::proptest! {
        #[test]
        fn a_number_keeps_its_value(
            negative: bool, whole in "[1-9][0-9]{0,20}|", fraction in "[0-9]{0,6}",
            pattern in "(#,##0|#,000|0|00000|#####0|0,000)(\\.0{1,3}#{0,3})?"
        ) {
            let format = number(&pattern);
            let kept = fraction.trim_end_matches('0');
            let Ok(text) = format.write(negative, &whole, &fraction) else {
                proptest::prop_assert!(kept.len() > format.fraction_max);
                return Ok(());
            };
            let plain = text.replace(',', "");
            let (sign, digits) = plain.strip_prefix('-').map_or((false, plain.as_str()), |d| (true, d));
            let (w, f) = digits.split_once('.').unwrap_or((digits, ""));
            proptest::prop_assert_eq!(w.trim_start_matches('0'), &whole);
            proptest::prop_assert_eq!(f.trim_end_matches('0'), kept);
            proptest::prop_assert_eq!(sign, negative && !(whole.is_empty() && kept.is_empty()));
        }

        /// Whatever is accepted can write a moment: nothing is found out only when an event comes.
        #[test]
        fn what_is_accepted_writes(pattern in "(%[-_0]?[A-Za-z%:#.+369]{1,2}[ /:.]?){1,4}|[0#,.]{0,8}|\\PC{0,8}") {
            if let Ok(Format::Date(format)) = Format::parse(&pattern) {
                let moment = Moment::parse("2025-03-03T09:00:00").unwrap();
                proptest::prop_assert!(format.write(moment, Tz::UTC).is_ok(), "{}", pattern);
            }
        }
    }
}
