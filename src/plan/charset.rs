//! Which characters a text column's character set has, and how many bytes each takes there. Converts nothing.

use encoding_rs::Encoding;

use crate::model::table::Charset;

/// What of a text the set cannot hold, in words.
pub(super) fn unsupported(text: &str, charset: Charset) -> Option<String> {
    let set = match charset {
        Charset::Any => return None,
        Charset::Utf8mb3 => "utf8mb3".to_owned(),
        Charset::Latin1 => "latin1".to_owned(),
        Charset::Ascii => "ascii".to_owned(),
        Charset::CodePage(page) => format!("code page {page}"),
        Charset::Iso8859(part) => format!("ISO 8859-{part}"),
    };
    let count = text.chars().filter(|c| !has(*c, charset)).count();
    (count > 0).then(|| format!("{count} of its characters do not exist in the column's character set {set}"))
}

/// Bytes of a character in the set.
pub(super) fn width(c: char, charset: Charset) -> usize {
    match charset {
        Charset::Latin1 | Charset::Ascii | Charset::Iso8859(_) => 1,
        Charset::CodePage(page) => encoding(page).map_or(1, |set| {
            let mut bytes = [0; 4];
            set.encode(c.encode_utf8(&mut bytes)).0.len()
        }),
        Charset::Any | Charset::Utf8mb3 => c.len_utf8(),
    }
}

fn has(c: char, charset: Charset) -> bool {
    match charset {
        Charset::Any => true,
        Charset::Utf8mb3 => (c as u32) < 0x1_0000,
        Charset::Latin1 => is_windows_1252(c),
        Charset::Ascii => c.is_ascii(),
        // Of a set that is not known here, what all have.
        Charset::CodePage(page) => c.is_ascii() || encoding(page).is_some_and(|set| is_exact(c, set)),
        Charset::Iso8859(part) => c.is_ascii() || is_iso(c, part),
    }
}

/// Not a look-alike, which some sets write in a character's place.
fn is_exact(c: char, set: &'static Encoding) -> bool {
    let mut bytes = [0; 4];
    let text = &*c.encode_utf8(&mut bytes);
    let (encoded, _, lost) = set.encode(text);
    !lost && set.decode_without_bom_handling(&encoded).0 == text
}

/// The set of a code page: <https://learn.microsoft.com/en-us/windows/win32/intl/code-page-identifiers>.
fn encoding(page: u16) -> Option<&'static Encoding> {
    Some(match page {
        874 => encoding_rs::WINDOWS_874,
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1252 => encoding_rs::WINDOWS_1252,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        _ => return None,
    })
}

/// The parts that are on the web are as they stand there; the other two differ from Unicode's first 256 characters in nothing
/// or in six letters.
fn is_iso(c: char, part: u8) -> bool {
    let set = match part {
        1 => return (c as u32) < 0x100,
        9 => return "ĞğİıŞş".contains(c) || ((c as u32) < 0x100 && !"ÐðÝýÞþ".contains(c)),
        2 => encoding_rs::ISO_8859_2,
        3 => encoding_rs::ISO_8859_3,
        4 => encoding_rs::ISO_8859_4,
        5 => encoding_rs::ISO_8859_5,
        6 => encoding_rs::ISO_8859_6,
        7 => encoding_rs::ISO_8859_7,
        8 => encoding_rs::ISO_8859_8,
        10 => encoding_rs::ISO_8859_10,
        13 => encoding_rs::ISO_8859_13,
        14 => encoding_rs::ISO_8859_14,
        15 => encoding_rs::ISO_8859_15,
        16 => encoding_rs::ISO_8859_16,
        _ => return false,
    };
    is_exact(c, set)
}

fn is_windows_1252(c: char) -> bool {
    matches!(c, '\0'..='\u{7f}' | '\u{81}' | '\u{8d}' | '\u{8f}' | '\u{90}' | '\u{9d}' | '\u{a0}'..='\u{ff}')
        || "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages() {
        fn check(page: u16, text: &str, lost: usize, bytes: usize) {
            let charset = Charset::CodePage(page);
            assert_eq!(text.chars().filter(|c| !has(*c, charset)).count(), lost, "{page} {text}");
            assert_eq!(text.chars().map(|c| width(c, charset)).sum::<usize>(), bytes, "{page} {text}");
        }
        check(1252, "Zoë €", 0, 5);
        check(1250, "Łódź", 0, 4);
        check(1251, "Иван", 0, 4);
        check(1256, "محمد", 0, 4);
        check(874, "สมชาย", 0, 5);
        check(932, "山田ﾀﾛｳ", 0, 7);
        check(936, "王", 0, 2);
        check(949, "김", 0, 2);
        check(950, "陳", 0, 2);
        check(437, "plain", 0, 5);
        assert!(!has('ā', Charset::CodePage(1252)));
        assert!(!has('é', Charset::CodePage(437)));
        assert!(!has('😀', Charset::CodePage(1252)));
        // Japan's set writes a backslash for it.
        assert!(!has('¥', Charset::CodePage(932)));
    }

    #[test]
    fn parts_of_iso_8859() {
        fn check(part: u8, text: &str, lost: usize) {
            let charset = Charset::Iso8859(part);
            assert_eq!(text.chars().filter(|c| !has(*c, charset)).count(), lost, "{part} {text}");
            assert_eq!(width('é', charset), 1);
        }
        check(1, "Zoë €", 1);
        check(15, "Zoë €", 0);
        check(2, "Łódź", 0);
        check(9, "İğne ð", 1);
        check(5, "Иван", 0);
        check(1, "Иван", 4);
        check(99, "plain é", 1);
    }

    #[test]
    fn what_is_lost_is_told() {
        fn check(text: &str, charset: Charset, expected: Option<&str>) {
            let words = unsupported(text, charset);
            assert_eq!(words.is_some(), expected.is_some(), "{text}");
            assert!(words.unwrap_or_default().contains(expected.unwrap_or_default()), "{text}");
        }
        check(
            "Иван",
            Charset::CodePage(1252),
            Some("4 of its characters do not exist in the column's character set code page 1252"),
        );
        check("😀", Charset::Utf8mb3, Some("utf8mb3"));
        check("Zoë", Charset::Latin1, None);
        check("Zoë", Charset::Ascii, Some("1 of"));
        check("Иван", Charset::Any, None);
    }
}
