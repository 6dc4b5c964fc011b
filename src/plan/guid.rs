//! GUIDs as people and programs write them, made one text. Makes none up.

use crate::plan::convert::{Misfit, misfit};

/// Digits of each group.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// `6F9619FF-8B86-D011-B42D-00C04FC964FF`, from that or `{6f9619ff-...}` or 32 digits without hyphens.
pub(super) fn canonical(text: &str) -> Result<String, Misfit> {
    let wrong = || misfit("not-a-guid", "it is no GUID, such as 6F9619FF-8B86-D011-B42D-00C04FC964FF");
    let trimmed = text.trim();
    let bare = match (trimmed.strip_prefix('{'), trimmed.strip_suffix('}')) {
        (None, None) => trimmed,
        (Some(rest), Some(_)) => rest.trim_end_matches('}'),
        _ => return wrong(),
    };
    let digits: String = bare.chars().filter(|c| *c != '-').map(|c| c.to_ascii_uppercase()).collect();
    if digits.len() != GROUPS.iter().sum::<usize>() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return wrong();
    }
    let mut rest = digits.as_str();
    let mut groups = Vec::with_capacity(GROUPS.len());
    for length in GROUPS {
        let (group, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        groups.push(group);
        rest = after;
    }
    let canonical = groups.join("-");
    if bare.contains('-') && !bare.eq_ignore_ascii_case(&canonical) { wrong() } else { Ok(canonical) }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn guids() {
        fn check(text: &str, is_one: bool) {
            let expected = is_one.then_some("6F9619FF-8B86-D011-B42D-00C04FC964FF");
            assert_eq!(canonical(text).ok().as_deref(), expected, "{text}");
        }
        check("6F9619FF-8B86-D011-B42D-00C04FC964FF", true);
        check(" {6f9619ff-8b86-d011-b42d-00c04fc964ff} ", true);
        check("6f9619ff8b86d011b42d00c04fc964ff", true);
        check("{6f9619ff-8b86-d011-b42d-00c04fc964ff", false);
        check("6f9619ff-8b86-d011-b42d00c04fc964ff", false);
        check("6f9619ff-8b86-d011-b42d-00c04fc964f", false);
        check("6f9619ff-8b86-d011-b42d-00c04fc964fg", false);
        check("patient-7", false);
        check("", false);
    }
}
