//! Owns collations: names, code pages, their five bytes on the wire, and how texts compare; never knows of tables.

use std::cmp::Ordering;

use encoding_rs::Encoding;

use crate::decimal::Dec;

/// The code page of char and varchar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodePage(&'static Encoding);

impl CodePage {
    /// The text with a question mark for each character that the page lacks.
    pub(crate) fn narrow(self, text: &str) -> String {
        if text.is_ascii() || self.0 == encoding_rs::UTF_8 {
            return text.to_owned();
        }
        self.decode(&self.encode(text))
    }

    pub(crate) fn encode(self, text: &str) -> Vec<u8> {
        if text.is_ascii() || self.0 == encoding_rs::UTF_8 {
            return text.as_bytes().to_vec();
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut buffer = [0u8; 8];
        for c in text.chars() {
            let one = &*c.encode_utf8(&mut buffer);
            let (encoded, _, lost) = self.0.encode(one);
            if lost {
                // Two for what takes two UTF-16 units, as SQL Server does.
                bytes.extend(std::iter::repeat_n(b'?', c.len_utf16()));
            } else {
                bytes.extend_from_slice(&encoded);
            }
        }
        bytes
    }

    pub(crate) fn decode(self, bytes: &[u8]) -> String {
        self.0.decode_without_bom_handling(bytes).0.into_owned()
    }

    pub(crate) fn bytes(self, text: &str) -> usize {
        if text.is_ascii() { text.len() } else { self.encode(text).len() }
    }
}

/// Prefix of a collation's name, code page, locale and sort id.
const FAMILIES: &[(&str, i64, u32, u8)] = &[
    ("SQL_Latin1_General_CP1_", 1252, 0x409, 52),
    ("SQL_Latin1_General_CP1250_", 1250, 0x409, 81),
    ("SQL_Latin1_General_CP1251_", 1251, 0x409, 105),
    ("SQL_Latin1_General_CP1253_", 1253, 0x409, 114),
    ("Latin1_General_", 1252, 0x409, 0),
    ("Modern_Spanish_", 1252, 0xc0a, 0),
    ("French_", 1252, 0x40c, 0),
    ("German_PhoneBook_", 1252, 0x10407, 0),
    ("Finnish_Swedish_", 1252, 0x40b, 0),
    ("Danish_Norwegian_", 1252, 0x406, 0),
    ("Polish_", 1250, 0x415, 0),
    ("Czech_", 1250, 0x405, 0),
    ("Hungarian_", 1250, 0x40e, 0),
    ("Romanian_", 1250, 0x418, 0),
    ("Croatian_", 1250, 0x41a, 0),
    ("Slovak_", 1250, 0x41b, 0),
    ("Cyrillic_General_", 1251, 0x419, 0),
    ("Ukrainian_", 1251, 0x422, 0),
    ("Greek_", 1253, 0x408, 0),
    ("Turkish_", 1254, 0x41f, 0),
    ("Hebrew_", 1255, 0x40d, 0),
    ("Arabic_", 1256, 0x401, 0),
    ("Vietnamese_", 1258, 0x42a, 0),
    ("Thai_", 874, 0x41e, 0),
    ("Japanese_", 932, 0x411, 0),
    ("Chinese_PRC_", 936, 0x804, 0),
    ("Korean_Wansung_", 949, 0x412, 0),
    ("Chinese_Taiwan_Stroke_", 950, 0x404, 0),
];

/// The family of a collation's name: code page, locale, sort id; `None` where there is no such collation.
fn family(name: &str) -> Option<(i64, u32, u8)> {
    let lower = name.to_lowercase();
    let found = FAMILIES.iter().find(|f| lower.starts_with(&f.0.to_lowercase()))?;
    let rest = &lower[found.0.len()..];
    let known = rest.split('_').all(|part| {
        matches!(
            part,
            "ci" | "cs"
                | "ai"
                | "as"
                | "ks"
                | "ws"
                | "bin"
                | "bin2"
                | "sc"
                | "utf8"
                | "90"
                | "100"
                | "140"
                | "vss"
        )
    });
    known.then_some((if rest.ends_with("utf8") { 65001 } else { found.1 }, found.2, found.3))
}

/// Whether SQL Server knows the collation.
pub(crate) fn exists(name: &str) -> bool {
    family(name).is_some()
}

/// `COLLATIONPROPERTY(name, 'CodePage')`.
pub(crate) fn code_page_number(name: &str) -> Option<i64> {
    family(name).map(|f| f.0)
}

/// `COLLATIONPROPERTY(name, 'LCID')`.
pub(crate) fn lcid(name: &str) -> Option<i64> {
    family(name).map(|f| i64::from(f.1))
}

/// The code page of a collation.
pub(crate) fn code_page(name: &str) -> CodePage {
    use encoding_rs as e;
    CodePage(match code_page_number(name).unwrap_or(1252) {
        1250 => e::WINDOWS_1250,
        1251 => e::WINDOWS_1251,
        1253 => e::WINDOWS_1253,
        1254 => e::WINDOWS_1254,
        1255 => e::WINDOWS_1255,
        1256 => e::WINDOWS_1256,
        1258 => e::WINDOWS_1258,
        874 => e::WINDOWS_874,
        932 => e::SHIFT_JIS,
        936 => e::GBK,
        949 => e::EUC_KR,
        950 => e::BIG5,
        65001 => e::UTF_8,
        _ => e::WINDOWS_1252,
    })
}

/// Whether texts differ by case.
pub(crate) fn is_sensitive(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.contains("_cs") || lower.contains("_bin")
}

/// The name of the SQLite collation that compares as this one does.
pub(crate) fn sqlite(name: &str) -> &'static str {
    if is_sensitive(name) { "TCS" } else { "TCI" }
}

/// The five bytes of COLLATION in `TYPE_INFO`.
pub(crate) fn wire(name: &str) -> [u8; 5] {
    let (page, lcid, sort) = family(name).unwrap_or((1252, 0x409, 52));
    let lower = name.to_lowercase();
    let mut info = lcid;
    if lower.contains("_bin") {
        info |= 0x0100_0000;
    } else {
        info |= 0x00c0_0000;
        if !lower.contains("_cs") {
            info |= 0x0010_0000;
        }
        if lower.contains("_ai") {
            info |= 0x0020_0000;
        }
    }
    if page == 65001 {
        info |= 0x0400_0000;
    }
    let [a, b, c, d] = info.to_le_bytes();
    [a, b, c, d, sort]
}

/// Case-insensitive; blanks at the end do not count.
pub(crate) fn compare_ci(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_end_matches(' '), b.trim_end_matches(' '));
    a.chars().flat_map(char::to_lowercase).cmp(b.chars().flat_map(char::to_lowercase))
}

/// Case-sensitive; blanks at the end do not count.
pub(crate) fn compare_cs(a: &str, b: &str) -> Ordering {
    a.trim_end_matches(' ').cmp(b.trim_end_matches(' '))
}

/// Numbers in their decimal form.
pub(crate) fn compare_numbers(a: &str, b: &str) -> Ordering {
    match (Dec::parse(a), Dec::parse(b)) {
        (Some(a), Some(b)) => a.compare(b),
        _ => a.cmp(b),
    }
}

/// Moments with an offset, whose canonical text begins with UTC.
pub(crate) fn compare_offsets(a: &str, b: &str) -> Ordering {
    a.get(..27).unwrap_or(a).cmp(b.get(..27).unwrap_or(b))
}
