//! Names like one that is not there, for messages. Decides nothing.

/// Names that an error offers at most.
pub(super) const NAMES_MAX: usize = 5;
/// Similarity from 0 to 1 from which on a name is offered.
const SIMILARITY_MIN: f64 = 0.75;

/// Up to five of `names` that are most like `wanted`: those that differ in case alone first.
pub(super) fn names<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= SIMILARITY_MIN)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup();
    scored.into_iter().take(NAMES_MAX).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn near_names() {
        fn check(wanted: &str, expected: &[&str]) {
            let all = ["HIS_appointments", "HIS_Appointment_log", "HIS_patients", "doctors", "ROOMS"];
            assert_eq!(super::names(wanted, all.into_iter()), expected, "{wanted}");
        }
        check("his_appointments", &["HIS_appointments", "HIS_Appointment_log", "HIS_patients"]);
        check("doctor", &["doctors"]);
        check("rooms", &["ROOMS"]);
        check("zzz", &[]);
    }
}
